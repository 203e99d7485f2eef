import { scheduleByTimer, type Schedule } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'
import { IdempotencyOptionsError } from './errors.ts'

/** Options of the idempotency plugin. */
export interface IdempotencyOptions {
  /** Pool of the app role, on the database that the handlers' transactions are in. Not destroyed by the plugin. */
  readonly db: Knex
  /** How long a key is remembered, with the answer that was given under it. Default 86 400 000 ms, a day. */
  readonly expiresAfterMs?: number
  /** An answer that is larger, headers included, cannot be stored. Default 65 536 bytes. */
  readonly maxAnswerBytes?: number
  /** How long reading or writing a record may take before the answer is 503. Default 2000 ms. */
  readonly timeoutMs?: number
  /** How often expired records are deleted, default every 60 000 ms; `false` when another process does it. */
  readonly prune?: { readonly intervalMs?: number } | false
  /** Runs the pruning. Default: a timer. */
  readonly schedule?: Schedule
}

/** The options with their defaults, frozen at registration. */
export interface ResolvedOptions {
  readonly db: Knex
  readonly expiresAfterMs: number
  readonly maxAnswerBytes: number
  readonly timeoutMs: number
  readonly prune: { readonly intervalMs: number } | false
  readonly schedule: Schedule
}

/**
 * Fills in the defaults.
 * @throws {IdempotencyOptionsError} `SALLYPORT_IDEMPOTENCY_OPTIONS`, naming every mistake
 */
export function resolveOptions(options: IdempotencyOptions): ResolvedOptions {
  const resolved: ResolvedOptions = {
    db: options.db,
    expiresAfterMs: options.expiresAfterMs ?? 86_400_000,
    maxAnswerBytes: options.maxAnswerBytes ?? 65_536,
    timeoutMs: options.timeoutMs ?? 2000,
    prune: options.prune === false ? false : { intervalMs: options.prune?.intervalMs ?? 60_000 },
    schedule: options.schedule ?? scheduleByTimer
  }
  const { db, prune } = resolved
  const checks: readonly (readonly [boolean, string])[] = [
    [typeof db === 'function' && db.isTransaction !== true, 'db must be a knex pool'],
    [isPositive(resolved.expiresAfterMs), 'expiresAfterMs must be a positive whole number'],
    [isPositive(resolved.maxAnswerBytes), 'maxAnswerBytes must be a positive whole number'],
    [isPositive(resolved.timeoutMs), 'timeoutMs must be a positive whole number'],
    [prune === false || isPositive(prune.intervalMs), 'prune.intervalMs must be a positive whole number']
  ]
  const mistakes = checks.filter(([valid]) => !valid).map(([, mistake]) => mistake)
  if (mistakes.length > 0) throw new IdempotencyOptionsError(mistakes.join('; '))
  return Object.freeze(resolved)
}

function isPositive(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0
}
