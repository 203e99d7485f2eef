import type { Clock, Log } from '@sallyport/security-context/mechanics'
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
import type { Dispatcher } from 'undici'
import { AuthenticationOptionsError } from '../errors.ts'
import { isSecureEndpoint, type Fetch } from './fetch-document.ts'
import { WARNINGS } from '../warnings.ts'

/** The introspection endpoint, this service as its client, and how long an answer is believed. */
export interface IntrospectorOptions {
  /**
   * https, or http on loopback. A function where it is found later: it rejects until then, and `null` is "there is
   * none".
   */
  readonly endpoint: string | (() => Promise<string | null>)
  /** This service as a client of the issuer. */
  readonly clientId: string
  /** Its secret. A function where it changes while the process runs. */
  readonly clientSecret: string | (() => string)
  /** This service's identifier: the answer's `aud` must contain it. */
  readonly audience: string
  /** When given, an answer with another `iss` is refused. */
  readonly issuer?: string
  /** Carries the connections: trusted CAs, client certificate. Left out: undici's global one. */
  readonly dispatcher?: Dispatcher
  /**
   * How long an answer is believed, in ms, never past the token's `exp`: the longest time a revoked token goes on. 0
   * asks every time.
   * @default 5000
   */
  readonly cacheMs?: number
  /**
   * How long a refusal is remembered, in ms.
   * @default 5000
   */
  readonly refusedCacheMs?: number
  /**
   * How many answers of each kind are remembered.
   * @default 5000
   */
  readonly cacheSize?: number
  /**
   * Time for one request, in ms.
   * @default 5000
   */
  readonly timeoutMs?: number
  /** What sends requests. Left out: undici's. */
  readonly fetch?: Fetch
  /**
   * The time in ms since 1970.
   * @default Date.now
   */
  readonly clock?: Clock
  /**
   * Told what an operator should know. Its default makes process warnings.
   * @default process warnings
   */
  readonly log?: Log
}

export const logOption = () => functionOption<Log>({ default: WARNINGS, defaultText: 'process warnings' })
export const issuerDispatcher = () => Type.Optional(objectWith<Dispatcher>('an undici dispatcher', ['dispatch']))

/** The address of the endpoint, or what finds it. */
export const introspectionEndpoint = () =>
  customOption<IntrospectorOptions['endpoint']>(
    'an https URL (http only on loopback) or a function',
    value => typeof value === 'function' || isSecureEndpoint(value)
  )

export const introspectorOptions = optionsObject({
  endpoint: introspectionEndpoint(),
  clientId: Type.String({ minLength: 1 }),
  clientSecret: customOption<IntrospectorOptions['clientSecret']>(
    'a text that is not empty, or a function',
    value => typeof value === 'function' || (typeof value === 'string' && value !== '')
  ),
  audience: Type.String({ minLength: 1 }),
  issuer: Type.Optional(Type.String({ minLength: 1 })),
  dispatcher: issuerDispatcher(),
  cacheMs: Type.Number({ minimum: 0, default: 5000 }),
  refusedCacheMs: Type.Number({ minimum: 0, default: 5000 }),
  cacheSize: Type.Integer({ minimum: 1, default: 5000 }),
  timeoutMs: Type.Integer({ minimum: 1, default: 5000 }),
  fetch: Type.Optional(functionOption<Fetch>()),
  clock: CLOCK_OPTION,
  log: logOption()
})

/** @throws {AuthenticationOptionsError} `SALLYPORT_AUTHENTICATION_OPTIONS_INVALID`, naming every mistake */
export function readIntrospectorOptions(given: IntrospectorOptions): ReadOptions<typeof introspectorOptions> {
  return readOptions({ schema: introspectorOptions, error: AuthenticationOptionsError }, given)
}
