import type { KeySource } from '@sallyport/security-context'
import { startTimer, type Clock, type Log, type StartTimer } from '@sallyport/security-context/mechanics'
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
import { issuerDispatcher, logOption } from './introspector-options.ts'
import { statusListPrefixMistakes } from './status-list-addresses.ts'

/** Where the keys are and how long they are believed. */
export interface JwksKeySourceOptions {
  /** The issuer's `jwks_uri`; https, or http on loopback. Nothing in a token or in the document leads anywhere else. */
  readonly jwksUri: string
  /** Carries the connections: trusted CAs, client certificate. Left out: undici's global one. */
  readonly dispatcher?: Dispatcher
  /**
   * Least time between two fetches caused by unknown key ids, in ms, also while the document cannot be had.
   * @default 2000
   */
  readonly cooldownMs?: number
  /**
   * Age at which the keys are due, in ms; they are fetched again, in the background, at 80 % of it.
   * @default 300_000
   */
  readonly maxAgeMs?: number
  /**
   * Age up to which the last keys are used while the server cannot be reached, in ms; then nothing is accepted.
   * @default 3_600_000
   */
  readonly maxStaleMs?: number
  /**
   * Time for one fetch, in ms: a token with a new key id waits for one that hangs.
   * @default 2000
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
   * Starts the wait for the next fetch. Its default is a timer of the process.
   * @default startTimer
   */
  readonly startTimer?: StartTimer
  /**
   * Told of ignored keys and failed fetches. Its default makes process warnings.
   * @default process warnings
   */
  readonly log?: Log
}

/** Whose status lists are followed, and how closely. */
export interface StatusListSourceOptions {
  /** `iss` of the lists, where they have one. */
  readonly issuer: string
  /** The keys that sign the lists. */
  readonly keys: KeySource
  /**
   * Which addresses are status lists: the prefix of all of them, which ends in `/` and is followed by one path segment,
   * or a decision. Everything else is never fetched.
   * @example 'https://issuer.example/status-lists/'
   */
  readonly allowedUris: string | ((uri: string) => boolean)
  /** Carries the connections: trusted CAs, client certificate. Left out: undici's global one. */
  readonly dispatcher?: Dispatcher
  /**
   * Time between two looks at a list, in ms; less when a list's `ttl` says so. A function where it changes while the
   * process runs.
   * @default 1000
   */
  readonly pollMs?: number | (() => number)
  /**
   * How long the last good list is used while no newer one can be had, in ms.
   * @default 300_000
   */
  readonly maxStalenessMs?: number
  /**
   * A list is let go of when no token named it for this long, in ms: the longest life of an access token.
   * @default 900_000
   */
  readonly unusedAfterMs?: number
  /**
   * How many lists are followed; past it the one used longest ago is let go of.
   * @default 1000
   */
  readonly maxLists?: number
  /**
   * Time for one fetch, in ms.
   * @default 2000
   */
  readonly timeoutMs?: number
  /**
   * Largest unpacked list, in bytes: eight million tokens.
   * @default 1_048_576
   */
  readonly maxListBytes?: number
  /** What sends requests. Left out: undici's. */
  readonly fetch?: Fetch
  /**
   * The time in ms since 1970.
   * @default Date.now
   */
  readonly clock?: Clock
  /**
   * Starts the wait for the next look. Its default is a timer of the process.
   * @default startTimer
   */
  readonly startTimer?: StartTimer
  /**
   * Told of failed fetches. Its default makes process warnings.
   * @default process warnings
   */
  readonly log?: Log
}

/** What the plugin is told of the status lists that it follows itself. */
export interface PluginStatusLists extends Pick<
  StatusListSourceOptions,
  'allowedUris' | 'pollMs' | 'maxStalenessMs' | 'unusedAfterMs' | 'maxLists'
> {}

const sourceTimeout = () => Type.Integer({ minimum: 1, default: 2000 })

const collaborators = {
  dispatcher: issuerDispatcher(),
  fetch: Type.Optional(functionOption<Fetch>()),
  clock: CLOCK_OPTION,
  startTimer: functionOption<StartTimer>({ default: startTimer, defaultText: 'startTimer' }),
  log: logOption()
}

export const jwksUriOption = () => customOption<string>('an https URL (http only on loopback)', isSecureEndpoint)

export const jwksKeySourceOptions = optionsObject({
  jwksUri: jwksUriOption(),
  cooldownMs: Type.Number({ minimum: 0, default: 2000 }),
  maxAgeMs: Type.Number({ exclusiveMinimum: 0, default: 300_000 }),
  maxStaleMs: Type.Number({ exclusiveMinimum: 0, default: 3_600_000 }),
  timeoutMs: sourceTimeout(),
  ...collaborators
})

const statusListLimits = {
  allowedUris: customOption<StatusListSourceOptions['allowedUris']>(
    'an https URL (http only on loopback) that ends in /, or a function',
    value =>
      typeof value === 'function' || (isSecureEndpoint(value) && value.endsWith('/') && new URL(value).search === '')
  ),
  pollMs: Type.Union([Type.Number({ exclusiveMinimum: 0 }), functionOption<() => number>()], { default: 1000 }),
  maxStalenessMs: Type.Number({ minimum: 0, default: 300_000 }),
  unusedAfterMs: Type.Number({ exclusiveMinimum: 0, default: 900_000 }),
  maxLists: Type.Integer({ minimum: 1, default: 1000 })
}

export const pluginStatusLists = optionsObject(statusListLimits)

export const statusListSourceOptions = optionsObject({
  issuer: Type.String({ minLength: 1 }),
  keys: objectWith<KeySource>('a key source', ['find']),
  ...statusListLimits,
  timeoutMs: sourceTimeout(),
  maxListBytes: Type.Integer({ minimum: 1, default: 1_048_576 }),
  ...collaborators
})

/** @throws {AuthenticationOptionsError} `SALLYPORT_AUTHENTICATION_OPTIONS_INVALID`, naming every mistake */
export function readJwksKeySourceOptions(given: JwksKeySourceOptions): ReadOptions<typeof jwksKeySourceOptions> {
  return readOptions({ schema: jwksKeySourceOptions, error: AuthenticationOptionsError }, given)
}

/** @throws {AuthenticationOptionsError} `SALLYPORT_AUTHENTICATION_OPTIONS_INVALID`, naming every mistake */
export function readStatusListSourceOptions(
  given: StatusListSourceOptions
): ReadOptions<typeof statusListSourceOptions> {
  return readOptions(
    {
      schema: statusListSourceOptions,
      error: AuthenticationOptionsError,
      rules: [
        {
          of: ['allowedUris', 'issuer'],
          mistakes: ({ allowedUris, issuer }) => statusListPrefixMistakes('allowedUris', allowedUris, issuer)
        }
      ]
    },
    given
  )
}
