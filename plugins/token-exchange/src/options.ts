import type { TokenClient } from '@sallyport/security-context'
import type { Clock } from '@sallyport/security-context/mechanics'
import {
  CLOCK_OPTION,
  customOption,
  functionOption,
  objectWith,
  optionsObject,
  readOptions,
  Type,
  type ReadOptions
} from '@sallyport/security-context/options'
import type { FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import { clientKeyMistakes, clientSigningKey, type ClientSigningKey } from './client-authentication.ts'
import { endpointMistake } from './endpoint-url.ts'
import { TokenOptionsError } from './errors.ts'
import type { AuthorizationServerMetadata } from './server-metadata.ts'

/** A service that can be called. */
export interface Upstream {
  /**
   * Scheme, host and port; https, or http on loopback.
   * @example 'https://order-service.example:8082'
   */
  readonly origin: string
  /** Scope to ask for, space-delimited. Left out: whatever the authorization server grants for the audience. */
  readonly scope?: string
}

/** Options of the plugin. */
export interface TokenExchangeOptions {
  /** From `createTokenClient`, or your own. */
  readonly tokenClient: Pick<TokenClient, 'exchange' | 'clientCredentials'>
  /**
   * The services that `callAs` and `callAsService` reach, by audience.
   * @default {}
   * @example { 'order-service': { origin: 'https://orders.example', scope: 'orders:read' } }
   */
  readonly upstreams?: Readonly<Record<string, Upstream>>
  /** For calls of upstreams: your CA, your client certificate. Left out: undici's global one. */
  readonly dispatcher?: Dispatcher
  /**
   * Headers for every call under a request.
   * @default () => ({})
   * @example request => tracing.outgoingHeaders(request)
   */
  readonly outgoingHeaders?: (request: FastifyRequest) => Readonly<Record<string, string>>
  /**
   * How many exchanged tokens are kept; past it the one that was not used for longest goes.
   * @default 10_000
   */
  readonly maxCachedTokens?: number
  /**
   * Limit for one upstream call, from connect to the last byte, in ms. A function where it changes while the process
   * runs.
   * @default 5000
   */
  readonly upstreamTimeoutMs?: number | (() => number)
  /**
   * The time in ms since 1970.
   * @default Date.now
   */
  readonly clock?: Clock
}

/** How a client reaches its authorization server. */
export interface TokenClientOptions {
  /** The metadata, or a function that finds it at the first use (and again after a failure). */
  readonly metadata: AuthorizationServerMetadata | (() => Promise<AuthorizationServerMetadata>)
  /** This service as a client of the authorization server. */
  readonly clientId: string
  /**
   * Its secret; sent by `client_secret_basic`. A function where it changes while the process runs. Exactly one of this
   * and `clientKey`.
   */
  readonly clientSecret?: string | (() => string)
  /** Its key, in place of a secret; it signs assertions for `private_key_jwt`. @see RFC 7523 §2.2 */
  readonly clientKey?: ClientSigningKey
  /** Your CA, your client certificate. Left out: undici's global one. */
  readonly dispatcher?: Dispatcher
  /**
   * Limit for one request from connect to the last byte, in ms.
   * @default 5000
   */
  readonly timeoutMs?: number
  /**
   * The time in ms since 1970.
   * @default Date.now
   */
  readonly clock?: Clock
}

/** Where to look for the metadata, and how. */
export interface DiscoveryOptions {
  /** Issuer identifier: an https URL without query and fragment (http for a loopback address only). */
  readonly issuer: string
  /** Your CA. Left out: undici's global one. */
  readonly dispatcher?: Dispatcher
  /**
   * Limit for each of at most two requests, in ms.
   * @default 5000
   */
  readonly timeoutMs?: number
}

const endpointTimeout = () => Type.Integer({ minimum: 1, default: 5000 })
const dispatcherOption = () => Type.Optional(objectWith<Dispatcher>('an undici dispatcher', ['dispatch']))

export const upstream = optionsObject({
  origin: customOption<string>('scheme, host and port of an https URL (http only on loopback)', isUpstreamOrigin),
  scope: Type.Optional(Type.String())
})

export const tokenExchangeOptions = optionsObject({
  tokenClient: objectWith<TokenExchangeOptions['tokenClient']>('a token client', ['exchange']),
  upstreams: Type.Record(Type.String(), upstream, { default: {} }),
  dispatcher: dispatcherOption(),
  outgoingHeaders: functionOption<NonNullable<TokenExchangeOptions['outgoingHeaders']>>({
    default: () => ({}),
    defaultText: '() => ({})'
  }),
  maxCachedTokens: Type.Integer({ minimum: 1, default: 10_000 }),
  upstreamTimeoutMs: Type.Union([Type.Integer({ minimum: 1 }), functionOption<() => number>()], { default: 5000 }),
  clock: CLOCK_OPTION
})

export const tokenClientOptions = optionsObject({
  metadata: customOption<TokenClientOptions['metadata']>(
    'metadata or a function',
    value => typeof value === 'function' || (typeof value === 'object' && value !== null)
  ),
  clientId: Type.String({ minLength: 1 }),
  clientSecret: Type.Optional(
    customOption<string | (() => string)>(
      'a text that is not empty, or a function',
      value => typeof value === 'function' || (typeof value === 'string' && value !== '')
    )
  ),
  clientKey: Type.Optional(clientSigningKey),
  dispatcher: dispatcherOption(),
  timeoutMs: endpointTimeout(),
  clock: CLOCK_OPTION
})

export const discoveryOptions = optionsObject({
  issuer: Type.String(),
  dispatcher: dispatcherOption(),
  timeoutMs: endpointTimeout()
})

/** Options with every default filled in. */
export type ReadTokenExchangeOptions = ReadOptions<typeof tokenExchangeOptions>

/** @throws {TokenOptionsError} `SALLYPORT_TOKEN_OPTIONS_INVALID`, naming every mistake */
export function readTokenExchangeOptions(given: TokenExchangeOptions): ReadTokenExchangeOptions {
  return readOptions({ schema: tokenExchangeOptions, error: TokenOptionsError }, given)
}

/** @throws {TokenOptionsError} `SALLYPORT_TOKEN_OPTIONS_INVALID`, naming every mistake */
export function readTokenClientOptions(given: TokenClientOptions): ReadOptions<typeof tokenClientOptions> {
  return readOptions(
    {
      schema: tokenClientOptions,
      error: TokenOptionsError,
      rules: [
        { of: ['metadata'], mistakes: ({ metadata }) => endpointMistakes(metadata) },
        { of: ['clientSecret', 'clientKey'], mistakes: credentialMistakes }
      ]
    },
    given
  )
}

/** @throws {TokenOptionsError} `SALLYPORT_TOKEN_OPTIONS_INVALID`, naming every mistake */
export function readDiscoveryOptions(given: DiscoveryOptions): ReadOptions<typeof discoveryOptions> {
  return readOptions({ schema: discoveryOptions, error: TokenOptionsError }, given)
}

function credentialMistakes({ clientSecret, clientKey: key }: Pick<TokenClientOptions, 'clientSecret' | 'clientKey'>) {
  if ((clientSecret === undefined) === (key === undefined)) {
    return ['exactly one of clientSecret and clientKey must be given']
  }
  return key === undefined ? [] : clientKeyMistakes(key)
}

function isUpstreamOrigin(value: unknown): boolean {
  return typeof value === 'string' && endpointMistake(value) === null && URL.parse(value)?.origin === value
}

/** Endpoints that would show the client's secret; those that a function finds are checked where it finds them. */
function endpointMistakes(metadata: TokenClientOptions['metadata']): string[] {
  if (typeof metadata === 'function') return []
  return (['tokenEndpoint', 'revocationEndpoint', 'pushedRequestEndpoint'] as const).flatMap(name => {
    const endpoint = metadata[name] ?? null
    const mistake = endpoint === null ? null : endpointMistake(endpoint)
    return mistake === null ? [] : [`metadata.${name} ${mistake}`]
  })
}
