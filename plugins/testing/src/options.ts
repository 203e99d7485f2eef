import type { Clock } from '@sallyport/security-context/mechanics'
import {
  CLOCK_OPTION,
  customOption,
  listOf,
  optionsObject,
  readOptions,
  Type,
  type ReadOptions
} from '@sallyport/security-context/options'
import { TestingOptionsError } from './errors.ts'

/** A user who can get a token by the password grant. */
export interface TestUser {
  readonly password: string
  /** Default: the name. */
  readonly subject?: string
  readonly roles?: readonly string[]
  /** Space-delimited. */
  readonly scope?: string
}

/** What an issuer is made of. */
export interface TestIssuerOptions {
  /**
   * `iss`, and the origin of all endpoints, without a slash at the end.
   * @default 'https://issuer.test'
   */
  readonly issuer?: string
  /**
   * `aud` of tokens that do not say otherwise.
   * @default 'test-service'
   */
  readonly audience?: string
  /**
   * JWS algorithm of the keys.
   * @default 'ES256'
   */
  readonly algorithm?: string
  /**
   * Lifetime of access tokens, in seconds.
   * @default 300
   */
  readonly accessSeconds?: number
  /**
   * Whether tokens name their place in the status list. `false`: as from an issuer without status lists.
   * @default true
   */
  readonly revocable?: boolean
  /**
   * Clients with their secrets, for the token, introspection and revocation endpoints.
   * @default { 'test-client': 'test-secret' }
   */
  readonly clients?: Readonly<Record<string, string>>
  /**
   * Users by name, for the password grant.
   * @default {}
   */
  readonly users?: Readonly<Record<string, TestUser>>
  /**
   * The time in ms since 1970.
   * @default Date.now
   */
  readonly clock?: Clock
}

const TEST_CLIENTS = Object.freeze({ 'test-client': 'test-secret' })

export const testUser = optionsObject({
  password: Type.String({ minLength: 1 }),
  subject: Type.Optional(Type.String({ minLength: 1 })),
  roles: Type.Optional(listOf(Type.String())),
  scope: Type.Optional(Type.String())
})

export const testIssuerOptions = optionsObject({
  issuer: customOption<string>('an http or https URL without a slash at the end', isIssuerName, {
    default: 'https://issuer.test'
  }),
  audience: Type.String({ minLength: 1, default: 'test-service' }),
  algorithm: customOption<string>('ES256, ES384, ES512, EdDSA, RS256, PS256 or another of RSA', isIssuerAlgorithm, {
    default: 'ES256'
  }),
  accessSeconds: Type.Integer({ minimum: 1, default: 300 }),
  revocable: Type.Boolean({ default: true }),
  clients: Type.Record(Type.String(), Type.String({ minLength: 1 }), {
    default: TEST_CLIENTS,
    defaultText: "{ 'test-client': 'test-secret' }"
  }),
  users: Type.Record(Type.String(), testUser, { default: {} }),
  clock: CLOCK_OPTION
})

/** Options with every default filled in. */
export type ReadTestIssuerOptions = ReadOptions<typeof testIssuerOptions>

/** @throws {TestingOptionsError} `SALLYPORT_TESTING_OPTIONS_INVALID`, naming every mistake */
export function readTestIssuerOptions(given: TestIssuerOptions): ReadTestIssuerOptions {
  return readOptions({ schema: testIssuerOptions, error: TestingOptionsError }, given)
}

function isIssuerName(value: unknown): boolean {
  if (typeof value !== 'string' || value.endsWith('/')) return false
  return ['http:', 'https:'].includes(URL.parse(value)?.protocol ?? '')
}

function isIssuerAlgorithm(value: unknown): boolean {
  return typeof value === 'string' && /^(ES|RS|PS)(256|384|512)$|^EdDSA$/.test(value)
}
