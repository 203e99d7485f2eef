import type { KeySource, StatusSource } from '@sallyport/security-context'
import {
  functionOption,
  listOf,
  objectWith,
  optionsObject,
  readOptions,
  Type,
  type Static
} from '@sallyport/security-context/options'
import type { Clock } from '@sallyport/security-context/mechanics'
import type { Dispatcher } from 'undici'
import { basicOptions, type BasicOptions, type ReadBasicOptions } from './basic/options.ts'
import { dpopOptions, type DpopOptions } from './dpop/options.ts'
import { AuthenticationOptionsError } from './errors.ts'
import { issuerSourceOptions, pluginIssuerOptions, type PluginIssuerOptions } from './issuer-options.ts'
import { pluginOptionRules } from './option-rules.ts'
import { realmOption } from './realm.ts'
import { resourceMetadataOptions, type ResourceMetadataOptions } from './resource-metadata.ts'
import { sessionOptions, type ReadSessionOptions, type SessionOptions } from './session/options.ts'
import {
  introspectionEndpoint,
  introspectorOptions,
  issuerDispatcher,
  type IntrospectorOptions
} from './sources/introspector-options.ts'
import type { PluginStatusLists } from './sources/source-options.ts'
import type { Strategy } from './strategy.ts'
import { strangerLimits, type StrangerLimits } from './stranger-gate.ts'
import type { SignatureCheck } from './tokens/check-signature.ts'
import { sharedSecretOptions, type SharedSecretOptions } from './tokens/shared-secret.ts'
import {
  asymmetricAlgorithms,
  secureUrl,
  statusUnavailable,
  verificationOptions,
  type TokenVerifierOptions
} from './tokens/verifier-options.ts'
import type { TokenVerifier } from './tokens/verify-token.ts'

/** How the caller of a request is found out. */
export interface AuthenticationOptions extends Partial<
  Omit<TokenVerifierOptions, 'keys' | 'status' | 'checkSignature'>
> {
  /**
   * Several issuers, instead of `issuer` and what goes with it: `iss` selects one of them. With more than one, identity
   * is issuer and subject together.
   * @example [{ issuer: 'https://staff.example', roles: 'all' }, { issuer: 'https://partner.example' }]
   */
  readonly issuers?: readonly PluginIssuerOptions[]
  /** A verifier made elsewhere, instead of `issuer`, `audience` and keys. */
  readonly verifier?: TokenVerifier
  /** Where verification keys come from; whoever made it closes it. Left out: see `jwksUri`. */
  readonly keys?: KeySource
  /**
   * The issuer's JWKS; fetched, followed and closed by the plugin. Left out, without `keys`: the issuer's metadata
   * names it, and its status lists too.
   * @example 'https://issuer.example/jwks'
   */
  readonly jwksUri?: string
  /**
   * Where the issuer's metadata is, when it is not where RFC 8414 and OpenID Connect have it. It has to name the issuer
   * all the same.
   */
  readonly metadataUri?: string
  /** Where revocation is looked up; whoever made it closes it. */
  readonly status?: StatusSource
  /**
   * Status lists that the plugin follows and closes itself, with the keys of the issuer.
   * @example { allowedUris: 'https://issuer.example/status-lists/' }
   */
  readonly statusLists?: PluginStatusLists
  /** Checks signatures: `await checkWithFastifyJwt()`, or your own. Left out: `node:crypto`. */
  readonly checkSignature?: SignatureCheck
  /** Carries the plugin's own connections to the issuer: trusted CAs, client certificate. */
  readonly dispatcher?: Dispatcher
  /** `realm` of the challenges of `Bearer` and `DPoP`. Left out: the audience. */
  readonly realm?: string
  /**
   * Accept `Authorization: Bearer`.
   * @default true
   */
  readonly bearer?: boolean
  /**
   * Accept tokens that are bound to a DPoP key, as `Authorization: DPoP` with a proof. Left out: such a token is
   * refused.
   */
  readonly dpop?: DpopOptions
  /**
   * Accept tokens that are bound to a certificate, from a connection with that client certificate. Else such a token is
   * refused.
   * @default false
   */
  readonly certificateBound?: boolean
  /**
   * Accept opaque bearer tokens, checked with the issuer. `endpoint`, `audience` and `issuer` may be left out where the
   * plugin has an issuer.
   */
  readonly introspection?: PluginIntrospection
  /** The shared-secret mode (HS256), instead of `issuer`, `audience` and keys. */
  readonly sharedSecret?: SharedSecretOptions
  /** Basic credentials, turned into tokens by a token client. */
  readonly basic?: BasicOptions
  /** Sealed session cookies. */
  readonly session?: SessionOptions
  /**
   * Tell clients who know nothing of this service whose tokens it takes: `/.well-known/oauth-protected-resource`, and
   * its address in challenges.
   * @example { resource: 'https://api.shop.example' }
   */
  readonly resourceMetadata?: ResourceMetadataOptions
  /**
   * Bounds what callers with tokens that nobody here has seen may ask of the authorization server: introspections,
   * `POST /session/refresh` and `POST /logout` with a token in the body.
   * @default {}
   */
  readonly strangers?: StrangerLimits
  /**
   * The app's own strategies; asked after the plugin's.
   * @default []
   */
  readonly strategies?: readonly Strategy[]
}

/** What the plugin is told of introspection. */
export type PluginIntrospection = Omit<IntrospectorOptions, 'endpoint' | 'audience'> &
  Partial<Pick<IntrospectorOptions, 'endpoint' | 'audience'>>

/** In the plugin, the time of an introspector is the plugin's unless it has its own; and so for whom it asks. */
const pluginIntrospection = optionsObject({
  ...introspectorOptions.properties,
  endpoint: Type.Optional(introspectionEndpoint()),
  audience: Type.Optional(Type.String({ minLength: 1 })),
  clock: Type.Optional(functionOption<Clock>()),
  log: Type.Optional(functionOption<NonNullable<IntrospectorOptions['log']>>())
})

export const authenticationOptions = optionsObject({
  issuer: Type.Optional(secureUrl()),
  issuers: Type.Optional(Type.Array(pluginIssuerOptions, { minItems: 1 })),
  audience: Type.Optional(Type.String({ minLength: 1 })),
  verifier: Type.Optional(objectWith<TokenVerifier>('a token verifier', ['verify'])),
  ...issuerSourceOptions,
  statusUnavailable: statusUnavailable(),
  ...verificationOptions,
  algorithms: asymmetricAlgorithms(),
  checkSignature: Type.Optional(functionOption<SignatureCheck>()),
  dispatcher: issuerDispatcher(),
  realm: Type.Optional(realmOption()),
  bearer: Type.Boolean({ default: true }),
  dpop: Type.Optional(dpopOptions),
  certificateBound: Type.Boolean({ default: false }),
  introspection: Type.Optional(pluginIntrospection),
  sharedSecret: Type.Optional(sharedSecretOptions),
  basic: Type.Optional(basicOptions),
  session: Type.Optional(sessionOptions),
  resourceMetadata: Type.Optional(resourceMetadataOptions),
  strangers: strangerLimits,
  strategies: listOf(objectWith<Strategy>('a strategy', ['authenticate']), { default: [] })
})

type CheckedOptions = Readonly<Static<typeof authenticationOptions>>

/** The options with every default filled in. */
export interface ReadAuthenticationOptions extends Omit<CheckedOptions, 'basic' | 'session'> {
  readonly basic: ReadBasicOptions | null
  readonly session: ReadSessionOptions | null
}

/** @throws {AuthenticationOptionsError} `SALLYPORT_AUTHENTICATION_OPTIONS_INVALID`, naming every mistake */
export function readAuthenticationOptions(given: AuthenticationOptions): ReadAuthenticationOptions {
  const options: CheckedOptions = readOptions(
    { schema: authenticationOptions, error: AuthenticationOptionsError, rules: pluginOptionRules },
    given
  )
  const { basic, session, realm = 'sallyport', clock } = options
  return Object.freeze({
    ...options,
    basic: basic === undefined ? null : { realm, clock, ...basic },
    session: session === undefined ? null : { clock, ...session }
  })
}
