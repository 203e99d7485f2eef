import type { KeySource, LoginClient } from '@sallyport/security-context'
import { customOption, listOf, objectWith, optionsObject, Type, type Static } from '@sallyport/security-context/options'
import { ASYMMETRIC_ALGORITHMS, DEFAULT_ALGORITHMS } from '../tokens/check-signature.ts'
import { isReturnPath } from './return-path.ts'

/** Options of the login at the issuer. */
export interface LoginRoutesOptions {
  /** Talks to the issuer: `createLoginClient` of `@sallyport/token-exchange`, or your own. */
  readonly client: LoginClient
  /** Keys of the issuer's id_tokens. Left out: those that the authentication plugin verifies access tokens with. */
  readonly keys?: KeySource
  /**
   * Scopes that are asked for, space-delimited; `openid` is one of them.
   * @default 'openid'
   */
  readonly scope?: string
  /**
   * Further parameters of every authorization request, such as `audience` or `resource`.
   * @default {}
   */
  readonly parameters?: Readonly<Record<string, string>>
  /**
   * Accepted algorithms of id_tokens and logout tokens; asymmetric ones only.
   * @default ['ES256', 'EdDSA', 'RS256', 'PS256']
   */
  readonly algorithms?: readonly string[]
  /**
   * How long a person may take at the issuer, in seconds.
   * @default 600
   */
  readonly lifetimeSeconds?: number
  /**
   * Where a login leads that names no path.
   * @default '/'
   */
  readonly defaultPath?: string
  /**
   * Takes the issuer's notices of logouts at `POST /logout/backchannel`; needs `session.stored`.
   * @default false
   */
  readonly backchannelLogout?: boolean
  /**
   * Binds the access tokens of each session to a key of its own, which stays with the session: who gets hold of a token
   * alone has nothing. The issuer has to take DPoP proofs by ES256.
   * @default false
   */
  readonly dpop?: boolean
  /**
   * Allowed difference between this clock and the issuer's, 0 to 60 seconds.
   * @default 5
   */
  readonly clockToleranceSeconds?: number
  /**
   * Fastify's own: before every path.
   * @example '/account'
   */
  readonly prefix?: string
  /** Fastify's own: level of the log in these routes. */
  readonly logLevel?: string
  /** Fastify's own: serializers of the log in these routes. */
  readonly logSerializers?: object
}

/** What is ours to say in an authorization request, and what would make its answer come another way. */
const OWN_PARAMETERS: ReadonlySet<string> = new Set([
  'response_type',
  'response_mode',
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
  'redirect_uri',
  'scope',
  'state',
  'nonce',
  'code_challenge',
  'code_challenge_method',
  'dpop_jkt',
  'request',
  'request_uri',
  'prompt',
  'login_hint',
  'ui_locales',
  'max_age',
  'acr_values'
])

export const loginRoutesOptions = optionsObject({
  client: objectWith<LoginClient>('a login client', ['issuer', 'authorizationUrl', 'redeem']),
  keys: Type.Optional(objectWith<KeySource>('a key source', ['find', 'isPublished'])),
  scope: customOption<string>(
    'scopes with openid among them',
    value => typeof value === 'string' && value.split(' ').includes('openid'),
    { default: 'openid' }
  ),
  parameters: customOption<Readonly<Record<string, string>>>(
    'an object of parameters that the login does not set itself',
    value =>
      typeof value === 'object' &&
      value !== null &&
      Object.entries(value).every(([name, text]) => typeof text === 'string' && !OWN_PARAMETERS.has(name)),
    { default: {} }
  ),
  algorithms: listOf(Type.Enum([...ASYMMETRIC_ALGORITHMS]), { default: [...DEFAULT_ALGORITHMS], minItems: 1 }),
  lifetimeSeconds: Type.Integer({ minimum: 1, maximum: 3600, default: 600 }),
  defaultPath: customOption<string>(
    'a path of this origin',
    value => typeof value === 'string' && isReturnPath(value),
    { default: '/' }
  ),
  backchannelLogout: Type.Boolean({ default: false }),
  dpop: Type.Boolean({ default: false }),
  clockToleranceSeconds: Type.Number({ minimum: 0, maximum: 60, default: 5 }),
  prefix: Type.Optional(Type.String()),
  logLevel: Type.Optional(Type.String()),
  logSerializers: Type.Optional(
    customOption<object>('serializers', value => typeof value === 'object' && value !== null)
  )
})

/** The options with every default filled in. */
export type ReadLoginOptions = Readonly<Static<typeof loginRoutesOptions>>
