import type { TokenVerifierOptions } from './verify-token.ts'
import { ASYMMETRIC_ALGORITHMS } from './signature-algorithms.ts'
import { isSecureUrl } from './fetch-document.ts'

const MAX_CLOCK_TOLERANCE_SECONDS = 60

/** Every mistake in a verifier's options, as one phrase each. */
export function verifierMistakes (options: Omit<TokenVerifierOptions, 'keys'>): string[] {
  const mistakes: string[] = []
  if (!isSecureUrl(options.issuer)) mistakes.push('issuer must be an https URL (http only on loopback)')
  if (typeof options.audience !== 'string' || options.audience === '') mistakes.push('audience must be a non-empty string')
  const tolerance = options.clockToleranceSeconds ?? 0
  if (!(tolerance >= 0 && tolerance <= MAX_CLOCK_TOLERANCE_SECONDS)) mistakes.push(`clockToleranceSeconds must be from 0 to ${MAX_CLOCK_TOLERANCE_SECONDS}`)
  mistakes.push(...algorithmMistakes(options.algorithms ?? ASYMMETRIC_ALGORITHMS))
  const profile = options.profile ?? 'rfc9068'
  const isKnown = typeof profile === 'object' ? [profile.typ].flat().length > 0 : ['rfc9068', 'keycloak', 'auth0'].includes(profile)
  if (!isKnown) mistakes.push('profile must be rfc9068, keycloak, auth0 or { typ, claims }')
  return mistakes
}

function algorithmMistakes (algorithms: readonly string[]): string[] {
  if (algorithms.length === 0) return ['algorithms must not be empty']
  const foreign = algorithms.filter(name => !ASYMMETRIC_ALGORITHMS.includes(name))
  return foreign.length === 0 ? [] : [`algorithms not known here: ${foreign.join(', ')} (for HS256 see sharedSecret)`]
}
