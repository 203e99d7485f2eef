import type { KeySource, StatusSource } from '@sallyport/security-context'
import { ASYMMETRIC_ALGORITHMS, type SignatureCheck } from './check-signature.ts'
import { isSecureUrl } from '../sources/fetch-document.ts'
import type { Profile } from './profiles.ts'

/** What a verifier checks, and with what. */
export interface TokenVerifierOptions {
  /** `iss` of every accepted token, compared as an exact string. */
  readonly issuer: string
  /** This service's identifier: `aud` must contain it. */
  readonly audience: string
  readonly keys: KeySource
  /** Where revocation is looked up. Without it a token's status reference is ignored. */
  readonly status?: StatusSource
  /** Default `rfc9068`. */
  readonly profile?: Profile
  /** Accepted JWS algorithms. Default ES256, EdDSA, RS256, PS256. */
  readonly algorithms?: readonly string[]
  /** Allowed difference between this clock and the issuer's, 0 to 60. Default 5. */
  readonly clockToleranceSeconds?: number
  /** The time in ms since 1970. Default `Date.now`. */
  readonly clock?: () => number
  /** What happens to a token whose status list cannot be had. Default `refuse` (503). */
  readonly statusUnavailable?: 'refuse' | 'accept-unchecked'
  /** Checks signatures. Default node:crypto. */
  readonly checkSignature?: SignatureCheck
  /** How many verified tokens are remembered. Default 5000; 0 verifies every time. */
  readonly cacheSize?: number
}

const MAX_CLOCK_TOLERANCE_SECONDS = 60

/** Every mistake in a verifier's options, as one phrase each. */
export function verifierMistakes(options: Omit<TokenVerifierOptions, 'keys'>): string[] {
  const mistakes: string[] = []
  if (!isSecureUrl(options.issuer)) mistakes.push('issuer must be an https URL (http only on loopback)')
  if (typeof options.audience !== 'string' || options.audience === '') {
    mistakes.push('audience must be a non-empty string')
  }
  const tolerance = options.clockToleranceSeconds ?? 0
  if (!(tolerance >= 0 && tolerance <= MAX_CLOCK_TOLERANCE_SECONDS)) {
    mistakes.push(`clockToleranceSeconds must be from 0 to ${MAX_CLOCK_TOLERANCE_SECONDS}`)
  }
  mistakes.push(...algorithmMistakes(options.algorithms ?? ASYMMETRIC_ALGORITHMS))
  const profile = options.profile ?? 'rfc9068'
  const isKnown =
    typeof profile === 'object' ? [profile.typ].flat().length > 0 : ['rfc9068', 'keycloak', 'auth0'].includes(profile)
  if (!isKnown) mistakes.push('profile must be rfc9068, keycloak, auth0 or { typ, claims }')
  return mistakes
}

function algorithmMistakes(algorithms: readonly string[]): string[] {
  if (algorithms.length === 0) return ['algorithms must not be empty']
  const foreign = algorithms.filter(name => !ASYMMETRIC_ALGORITHMS.includes(name))
  return foreign.length === 0 ? [] : [`algorithms not known here: ${foreign.join(', ')} (for HS256 see sharedSecret)`]
}
