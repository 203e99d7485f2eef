import type { Knex } from 'knex'
import type { LoginAttemptStore } from '../contract.ts'
import { millisecondsOrNull, timeOf } from './time.ts'

// The failure counts and the wait grow in one statement, so that no two instances count one failure for two.
const RECORD_LOGIN_FAILURE = `insert into login_attempts as known (key, failures, last_failed_at) values (:key, 1, cast(:now as timestamptz))
  on conflict (key) do update set
    failures = case when known.last_failed_at < cast(:oldest as timestamptz) then 1 else known.failures + 1 end,
    last_failed_at = cast(:now as timestamptz)
  returning failures`

/** Failed logins on PostgreSQL. */
export function loginAttemptStore(db: Knex): LoginAttemptStore {
  return {
    blockedUntilMs: async keys => {
      const row = await db('login_attempts')
        .whereIn('key', [...keys])
        .max<{ until: Date | null }>('blocked_until as until')
        .first()
      return millisecondsOrNull(row?.until ?? null)
    },
    recordFailure: async ({ key, nowMs, windowMs, freeFailures, firstWaitMs, longestWaitMs }) => {
      await db.transaction(async trx => {
        const { rows } = await trx.raw<{ rows: Array<{ failures: number }> }>(RECORD_LOGIN_FAILURE, {
          key,
          now: timeOf(nowMs),
          oldest: timeOf(nowMs - windowMs)
        })
        const failures = rows[0]?.failures ?? 0
        if (failures <= freeFailures) return
        const waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(failures - freeFailures - 1, 30))
        await trx('login_attempts')
          .where({ key })
          .update({ blocked_until: timeOf(nowMs + waitMs) })
      })
    },
    forget: async key => {
      await db('login_attempts').where({ key }).delete()
    }
  }
}
