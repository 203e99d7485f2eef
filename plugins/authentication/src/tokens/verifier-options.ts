import type { KeySource, StatusSource } from '@sallyport/security-context'
import type { Clock } from '@sallyport/security-context/mechanics'
import {
  CLOCK_OPTION,
  customOption,
  functionOption,
  listOf,
  objectWith,
  optionsObject,
  readOptions,
  Type,
  type ReadOptions
} from '@sallyport/security-context/options'
import { AuthenticationOptionsError } from '../errors.ts'
import { isSecureEndpoint } from '../sources/fetch-document.ts'
import {
  ASYMMETRIC_ALGORITHMS,
  checkWithNodeCrypto,
  DEFAULT_ALGORITHMS,
  type SignatureCheck
} from './check-signature.ts'
import { isProfileName, PROFILE_NAMES, type Profile } from './profiles.ts'

/** What a verifier checks, and with what. */
export interface TokenVerifierOptions {
  /**
   * `iss` of every accepted token, compared as an exact string: an https URL, http only on loopback.
   * @example 'https://issuer.example'
   */
  readonly issuer: string
  /**
   * This service's identifier: `aud` must contain it.
   * @example 'order-service'
   */
  readonly audience: string
  /** Where verification keys come from. */
  readonly keys: KeySource
  /** Where revocation is looked up. Left out: a token's status reference is ignored. */
  readonly status?: StatusSource
  /**
   * How the issuer writes its tokens: `rfc9068`, `keycloak`, `auth0`, `entra`, `entra-v1`, `okta`, `cognito` or `{ typ,
   * claims }`.
   * @default 'rfc9068'
   */
  readonly profile?: Profile
  /**
   * Accepted JWS algorithms; asymmetric ones only.
   * @default ['ES256', 'EdDSA', 'RS256', 'PS256']
   */
  readonly algorithms?: readonly string[]
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
  /**
   * What happens to a token whose status list cannot be had: `refuse` answers 503.
   * @default 'refuse'
   */
  readonly statusUnavailable?: 'refuse' | 'accept-unchecked'
  /**
   * Checks signatures. Its default uses `node:crypto`.
   * @default checkWithNodeCrypto
   */
  readonly checkSignature?: SignatureCheck
  /**
   * How many verified tokens are remembered; 0 verifies every time.
   * @default 5000
   */
  readonly cacheSize?: number
}

/** One of several issuers. */
export interface TrustedIssuerOptions extends Pick<
  TokenVerifierOptions,
  'issuer' | 'audience' | 'keys' | 'status' | 'profile' | 'algorithms' | 'clockToleranceSeconds' | 'statusUnavailable'
> {
  /**
   * The roles that its tokens may give: `'all'`, or these names. Left out: none, and all where it is the only issuer.
   * @example ['CUSTOMER']
   */
  readonly roles?: 'all' | readonly string[]
  /** The tenant that it stands for: `principal.tenant`. */
  readonly tenant?: string
}

/** What a verifier of several issuers checks, and with what. */
export interface IssuersVerifierOptions extends Pick<TokenVerifierOptions, 'clock' | 'checkSignature' | 'cacheSize'> {
  /** Each with keys of its own; `iss` of a token selects one of them. */
  readonly issuers: readonly TrustedIssuerOptions[]
}

/** An https URL; http on loopback only. */
export const secureUrl = () => customOption<string>('an https URL (http only on loopback)', isSecureEndpoint)

/** @param value used when the option is left out */
export function profileOption(value: Profile) {
  return customOption<Profile>(
    `${PROFILE_NAMES.join(', ')} or { typ, claims } (typ null only with accessTokenClaim)`,
    isProfile,
    { default: value }
  )
}

/** The options that verifiers of both kinds have, each of which the plugin has too. */
export const verificationOptions = {
  profile: profileOption('rfc9068'),
  clockToleranceSeconds: Type.Number({ minimum: 0, maximum: 60, default: 5 }),
  clock: CLOCK_OPTION,
  cacheSize: Type.Integer({ minimum: 0, default: 5000 })
}

/** Algorithms that verify with a public key. */
export const asymmetricAlgorithms = () => listOf(Type.String(), { minItems: 1, default: DEFAULT_ALGORITHMS })

export const statusUnavailable = () => Type.Enum(['refuse', 'accept-unchecked'], { default: 'refuse' })

/** Whose tokens are accepted, and by what they are checked. */
const trustOptions = {
  issuer: secureUrl(),
  audience: Type.String({ minLength: 1 }),
  keys: objectWith<KeySource>('a key source', ['find', 'isPublished']),
  status: Type.Optional(objectWith<StatusSource>('a status source', ['follow', 'check'])),
  algorithms: asymmetricAlgorithms(),
  statusUnavailable: statusUnavailable()
}

export const tokenVerifierOptions = optionsObject({
  ...trustOptions,
  checkSignature: functionOption<SignatureCheck>({ default: checkWithNodeCrypto, defaultText: 'checkWithNodeCrypto' }),
  ...verificationOptions
})

/** What an issuer may say of its subjects. */
export const identityOptions = {
  roles: Type.Optional(
    customOption<'all' | readonly string[]>("'all' or a list of names", value => value === 'all' || isNameList(value))
  ),
  tenant: Type.Optional(Type.String({ minLength: 1 }))
}

export const trustedIssuerOptions = optionsObject({
  ...trustOptions,
  profile: profileOption('rfc9068'),
  clockToleranceSeconds: verificationOptions.clockToleranceSeconds,
  ...identityOptions
})

export const issuersVerifierOptions = optionsObject({
  issuers: Type.Array(trustedIssuerOptions, { minItems: 1 }),
  checkSignature: functionOption<SignatureCheck>({ default: checkWithNodeCrypto, defaultText: 'checkWithNodeCrypto' }),
  clock: CLOCK_OPTION,
  cacheSize: verificationOptions.cacheSize
})

/** Options of a verifier of several issuers with every default filled in. */
export type ReadIssuersVerifier = ReadOptions<typeof issuersVerifierOptions>

/** Options of a verifier with every default filled in. */
export type ReadVerifierOptions = ReadOptions<typeof tokenVerifierOptions>

/** @throws {AuthenticationOptionsError} `SALLYPORT_AUTHENTICATION_OPTIONS_INVALID`, naming every mistake */
export function readVerifierOptions(given: TokenVerifierOptions): ReadVerifierOptions {
  return readOptions(
    {
      schema: tokenVerifierOptions,
      error: AuthenticationOptionsError,
      rules: [{ of: ['algorithms'], mistakes: ({ algorithms }) => algorithmMistakes('algorithms', algorithms) }]
    },
    given
  )
}

/** @throws {AuthenticationOptionsError} `SALLYPORT_AUTHENTICATION_OPTIONS_INVALID`, naming every mistake */
export function readIssuersVerifierOptions(given: IssuersVerifierOptions): ReadIssuersVerifier {
  return readOptions(
    {
      schema: issuersVerifierOptions,
      error: AuthenticationOptionsError,
      rules: [{ of: ['issuers'], mistakes: ({ issuers }) => issuerListMistakes(issuers) }]
    },
    given
  )
}

/**
 * Every mistake in a list of issuers that no schema can see.
 * @param option the name of the list, for the message
 */
export function issuerListMistakes(
  issuers: ReadonlyArray<{ readonly issuer: string; readonly algorithms: readonly string[] }>,
  option = 'issuers'
): string[] {
  const names = issuers.map(({ issuer }) => issuer)
  return [
    ...new Set(names.filter((name, at) => names.indexOf(name) < at).map(name => `${option}: two are called ${name}`)),
    ...issuers.flatMap(({ algorithms }, at) => algorithmMistakes(`${option}.${at}.algorithms`, algorithms))
  ]
}

function isNameList(value: unknown): boolean {
  return Array.isArray(value) && value.every(name => typeof name === 'string' && name !== '')
}

/** @param option the name of the option, for the message */
export function algorithmMistakes(option: string, algorithms: readonly string[]): string[] {
  const foreign = algorithms.filter(name => !ASYMMETRIC_ALGORITHMS.includes(name))
  return foreign.length === 0 ? [] : [`${option} not known here: ${foreign.join(', ')} (for HS256 see sharedSecret)`]
}

function isProfile(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return isProfileName(value)
  if (!('typ' in value)) return false
  const mark = 'accessTokenClaim' in value ? value.accessTokenClaim : undefined
  if (mark !== undefined && !isAccessTokenClaim(mark)) return false
  // Nothing else would tell an access token from an ID token of the same issuer.
  if (value.typ === null) return mark !== undefined
  return [value.typ].flat().length > 0 && [value.typ].flat().every(typ => typeof typ === 'string')
}

function isAccessTokenClaim(mark: unknown): boolean {
  if (typeof mark !== 'object' || mark === null || !('claim' in mark) || !('value' in mark)) return false
  const names = [mark.claim].flat()
  const named = names.length > 0 && names.every(name => typeof name === 'string' && name !== '')
  return named && typeof mark.value === 'string' && mark.value !== ''
}
