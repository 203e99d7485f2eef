import { scheduleByTimer, type Schedule } from '@sallyport/security-context/mechanics'
import {
  custom,
  functionOption,
  oneOrOff,
  optionsObject,
  readOptions,
  type ReadOptions
} from '@sallyport/security-context/options'
import type { Knex } from 'knex'
import Type, { type Static } from 'typebox'
import { IdempotencyOptionsError } from './errors.ts'

const positiveCount = (byDefault: number) => Type.Integer({ minimum: 1, default: byDefault })

/** The options, their checks and their defaults. */
const IdempotencyOptionsSchema = optionsObject({
  /** Pool of the app role, on the database that the handlers' transactions are in. Not destroyed by the plugin. */
  db: custom<Knex>('a knex pool', value => typeof value === 'function' && Reflect.get(value, 'isTransaction') !== true),
  /** How long a key is remembered, with the answer that was given under it: a day. */
  expiresAfterMs: positiveCount(86_400_000),
  /** An answer that is larger, headers included, cannot be stored. */
  maxAnswerBytes: positiveCount(65_536),
  /** How long reading or writing a record may take before the answer is 503. */
  timeoutMs: positiveCount(2000),
  /** How often expired records are deleted; `false` when another process does it. */
  prune: oneOrOff(optionsObject({ intervalMs: positiveCount(60_000) }), { default: {} }),
  /** Runs the pruning. */
  schedule: functionOption<Schedule>({ default: scheduleByTimer, defaultText: 'a timer' })
})

/** The options with their defaults, frozen at registration. */
export type IdempotencySettings = ReadOptions<typeof IdempotencyOptionsSchema>

/** Options of the idempotency plugin; the README has their table. */
export type IdempotencyOptions = Pick<IdempotencySettings, 'db'> &
  Partial<Omit<IdempotencySettings, 'prune'>> & {
    readonly prune?: Partial<Exclude<Static<typeof IdempotencyOptionsSchema>['prune'], false>> | false
  }

/**
 * Checks the options and fills in the defaults.
 * @throws {IdempotencyOptionsError} `SALLYPORT_IDEMPOTENCY_OPTIONS_INVALID`, naming every mistake
 */
export function readIdempotencyOptions(given: IdempotencyOptions): IdempotencySettings {
  return readOptions({ schema: IdempotencyOptionsSchema, error: IdempotencyOptionsError }, given)
}
