import { scheduleByTimer, type Schedule } from '@sallyport/security-context/mechanics'
import { functionOption, objectWith, optionsObject, Type, type Static } from '@sallyport/security-context/options'
import type { SessionStore } from './session-store.ts'

/** Options of sessions that are kept in a store. */
export interface StoredSessionOptions {
  /** Where they are kept: one of `@sallyport/authentication/session-stores`, or your own. */
  readonly store: SessionStore
  /**
   * A session ends when nobody used it for this long, in seconds.
   * @default 14_400
   */
  readonly idleSeconds?: number
  /**
   * A session ends this long after its login, however much it is used, in seconds.
   * @default 86_400
   */
  readonly absoluteSeconds?: number
  /**
   * Sessions of one person; past it the one that was not used for longest ends.
   * @default 50
   */
  readonly maxPerOwner?: number
  /**
   * How long one process has the refresh of a session to itself, in ms: longer than the time limit of the token client.
   * Then another takes it for dead and asks again. At an issuer that repeats its answer, as Sallyport's, 10_000 is
   * enough.
   * @default 60_000
   */
  readonly leaseMs?: number
  /**
   * How long a request waits for a refresh, in ms.
   * @default 5000
   */
  readonly waitMs?: number
  /**
   * For one answer of the store, in ms.
   * @default 2000
   */
  readonly storeTimeoutMs?: number
  /**
   * Longest data of the app with one session, in bytes as JSON.
   * @default 16_384
   */
  readonly maxDataBytes?: number
  /**
   * How often sessions that are over are removed, in ms; every process does it.
   * @default 60_000
   */
  readonly tidyIntervalMs?: number
  /**
   * Calls that again and again. Its default is a timer of the process.
   * @default scheduleByTimer
   */
  readonly schedule?: Schedule
}

export const storedSessionOptions = optionsObject({
  store: objectWith<SessionStore>('a session store', [
    'create',
    'find',
    'touch',
    'takeLease',
    'releaseLease',
    'replaceTokens',
    'replaceData',
    'end',
    'listOfOwner',
    'endOnce',
    'removeExpired'
  ]),
  idleSeconds: Type.Integer({ minimum: 1, default: 14_400 }),
  absoluteSeconds: Type.Integer({ minimum: 1, default: 86_400 }),
  maxPerOwner: Type.Integer({ minimum: 1, maximum: 500, default: 50 }),
  leaseMs: Type.Integer({ minimum: 1, default: 60_000 }),
  waitMs: Type.Integer({ minimum: 1, default: 5000 }),
  storeTimeoutMs: Type.Integer({ minimum: 1, default: 2000 }),
  maxDataBytes: Type.Integer({ minimum: 2, default: 16_384 }),
  tidyIntervalMs: Type.Integer({ minimum: 1000, default: 60_000 }),
  schedule: functionOption<Schedule>({ default: scheduleByTimer, defaultText: 'scheduleByTimer' })
})

/** The options with every default filled in. */
export type ReadStoredSessionOptions = Readonly<Static<typeof storedSessionOptions>>
