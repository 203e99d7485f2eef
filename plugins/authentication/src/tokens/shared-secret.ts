import { createSecretKey } from 'node:crypto'
import type { KeySource, VerificationKey } from '@sallyport/security-context'
import type { Clock } from '@sallyport/security-context/mechanics'
import { customOption, functionOption, optionsObject, readOptions, Type } from '@sallyport/security-context/options'
import { AuthenticationOptionsError } from '../errors.ts'
import { issuerTrust } from './issuer-trust.ts'
import type { Profile } from './profiles.ts'
import { checkWithNodeCrypto, MIN_SECRET_BYTES, type SignatureCheck } from './check-signature.ts'
import { profileOption, secureUrl, verificationOptions } from './verifier-options.ts'
import { verifierOf, type TokenVerifier } from './verify-token.ts'

/**
 * Tokens signed with a secret that issuer and verifiers share (HS256). Whoever can verify such a token can also make
 * one: for a single team's services on the way to asymmetric keys, not for anything else.
 */
export interface SharedSecretOptions {
  /** At least 32 bytes; text is taken as UTF-8. */
  readonly secret: string | Uint8Array
  /** `iss` of every accepted token. */
  readonly issuer: string
  /** This service's identifier: `aud` must contain it. */
  readonly audience: string
  /**
   * How the issuer writes its tokens: `typ` `JWT` or `at+jwt`, the claims of RFC 9068, of which `client_id` and `jti`
   * may be missing.
   * @default { typ: ['JWT', 'at+jwt'], optional: ['clientId', 'tokenId'] }
   */
  readonly profile?: Profile
  /**
   * Allowed difference between this clock and the issuer's, 0 to 60 seconds.
   * @default 5
   */
  readonly clockToleranceSeconds?: number
  /**
   * The time in ms since 1970.
   * @default Date.now
   */
  readonly clock?: Clock
  /** Checks signatures. Its default uses `node:crypto`. */
  readonly checkSignature?: SignatureCheck
  /**
   * How many verified tokens are remembered; 0 verifies every time.
   * @default 5000
   */
  readonly cacheSize?: number
}

const SHARED_SECRET_PROFILE: Profile = { typ: ['JWT', 'at+jwt'], optional: ['clientId', 'tokenId'] }

export const sharedSecretOptions = optionsObject({
  secret: customOption<string | Uint8Array>(
    `text or bytes, at least ${MIN_SECRET_BYTES} bytes`,
    value => (typeof value === 'string' || value instanceof Uint8Array) && Buffer.from(value).length >= MIN_SECRET_BYTES
  ),
  issuer: secureUrl(),
  audience: Type.String({ minLength: 1 }),
  ...verificationOptions,
  profile: profileOption(SHARED_SECRET_PROFILE),
  checkSignature: Type.Optional(functionOption<SignatureCheck>())
})

/** Public keys are public: as a secret, one lets everybody make tokens (CVE-2015-9235, CVE-2026-34950). */
export function keyDocumentMistakes(option: string, secret: string | Uint8Array): string[] {
  const isDocument = /-----BEGIN|"kty"/.test(Buffer.from(secret).toString('latin1'))
  return isDocument ? [`${option} must not be a key document`] : []
}

/**
 * A verifier for the shared-secret mode. It knows one key and one algorithm, so a token cannot choose either.
 * @throws {AuthenticationOptionsError} `SALLYPORT_AUTHENTICATION_OPTIONS_INVALID`, naming every mistake but no secret
 * @see RFC 7518 §3.2
 */
export function createSharedSecretVerifier(given: SharedSecretOptions): TokenVerifier {
  const options = readOptions(
    {
      schema: sharedSecretOptions,
      error: AuthenticationOptionsError,
      rules: [{ of: ['secret'], mistakes: ({ secret }) => keyDocumentMistakes('secret', secret) }]
    },
    given
  )
  const { secret, checkSignature = checkWithNodeCrypto, ...rest } = options
  const key: VerificationKey = { keyId: '', algorithm: 'HS256', key: createSecretKey(Buffer.from(secret)) }
  const trust = issuerTrust({ ...rest, keys: oneKey(key), algorithms: ['HS256'], statusUnavailable: 'refuse' }, true)
  return verifierOf({ issuers: new Map([[rest.issuer, trust]]), checkSignature, keyId: 'none' }, rest)
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
