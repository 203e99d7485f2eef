import { createSecretKey } from 'node:crypto'
import type { KeySource, VerificationKey } from '@sallyport/security-context'
import { InvalidOptionsError } from '../errors.ts'
import type { Profile } from './profiles.ts'
import { MIN_SECRET_BYTES, type SignatureCheck } from './check-signature.ts'
import { verifierMistakes } from './verifier-options.ts'
import { verifierOf, type TokenVerifier } from './verify-token.ts'

/**
 * Tokens signed with a secret that issuer and verifiers share (HS256). Whoever can verify such a token can also make
 * one: for a single team's services on the way to asymmetric keys, not for anything else.
 */
export interface SharedSecretOptions {
  /** At least 32 bytes; text is taken as UTF-8. */
  readonly secret: string | Uint8Array
  readonly issuer: string
  readonly audience: string
  /** Default: `typ` `JWT` or `at+jwt`, the claims of RFC 9068, of which `client_id` and `jti` may be missing. */
  readonly profile?: Profile
  readonly clockToleranceSeconds?: number
  /** The time in ms since 1970. Default `Date.now`. */
  readonly clock?: () => number
  readonly checkSignature?: SignatureCheck
  readonly cacheSize?: number
}

const SHARED_SECRET_PROFILE: Profile = { typ: ['JWT', 'at+jwt'], optional: ['clientId', 'tokenId'] }

/**
 * A verifier for the shared-secret mode. It knows one key and one algorithm, so a token cannot choose either.
 * @throws {InvalidOptionsError} `SALLYPORT_AUTHENTICATION_OPTIONS_INVALID`
 * @see RFC 7518 §3.2
 */
export function createSharedSecretVerifier(options: SharedSecretOptions): TokenVerifier {
  const mistakes = sharedSecretMistakes(options)
  if (mistakes.length > 0) throw new InvalidOptionsError(mistakes.join('; '))
  const { secret, ...rest } = options
  const key: VerificationKey = { keyId: '', algorithm: 'HS256', key: createSecretKey(Buffer.from(secret)) }
  return verifierOf(
    { profile: SHARED_SECRET_PROFILE, ...rest, keys: oneKey(key), algorithms: ['HS256'] },
    { keyId: 'none' }
  )
}

/** Every mistake in the options, as one phrase each. The secret itself is never in them. */
export function sharedSecretMistakes(options: SharedSecretOptions): string[] {
  const bytes = Buffer.from(options.secret)
  const mistakes = verifierMistakes(options).map(mistake => `sharedSecret ${mistake}`)
  if (bytes.length < MIN_SECRET_BYTES) mistakes.push(`sharedSecret secret must have at least ${MIN_SECRET_BYTES} bytes`)
  // Public keys are public: as a secret, one lets everybody make tokens (CVE-2015-9235, CVE-2026-34950).
  if (/-----BEGIN|"kty"/.test(bytes.toString('latin1'))) mistakes.push('sharedSecret secret must not be a key document')
  return mistakes
}

function oneKey(key: VerificationKey): KeySource {
  return {
    find: async () => key,
    isPublished: () => true,
    ready: async () => {},
    ageMs: () => 0,
    close: async () => {}
  }
}
