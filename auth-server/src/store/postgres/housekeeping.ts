import type { Knex } from 'knex'
import type { HousekeepingStore, TidyRules } from '../contract.ts'
import { timeOf } from './time.ts'

/** Any number, as long as nothing else of this database uses it. */
const TIDY_LOCK = 7_201_002

/** What goes, by kind: a table, and the condition under which its rows cannot matter any more. Sessions before the lists that they are in. */
const EXPIRED: ReadonlyArray<readonly [kind: string, table: string, condition: string]> = [
  ['opaqueTokens', 'opaque_access_tokens', 'expires_at < :expired'],
  ['replayedIds', 'replayed_ids', 'expires_at < :expired'],
  ['pushedRequests', 'pushed_requests', 'expires_at < :requests'],
  ['loginAttempts', 'login_attempts', 'last_failed_at < :attempts and coalesce(blocked_until, last_failed_at) < :expired'],
  ['authorizationCodes', 'authorization_codes', 'expires_at < :ended'],
  ['clientSecrets', 'client_secrets', 'expires_at < :ended'],
  ['sessions', 'sessions', 'coalesce(ended_at, least(idle_expires_at, absolute_expires_at)) < :ended'],
  ['signIns', 'sign_ins', 'coalesce(ended_at, least(idle_expires_at, absolute_expires_at)) < :ended']
]

const UNUSED_LIST = `not open and created_at < :ended
  and not exists (select 1 from sessions where sessions.status_list_id = status_lists.id)
  and not exists (select 1 from clients where clients.status_list_id = status_lists.id)`

/** Removes expired rows on PostgreSQL; call it within a transaction, which holds the lock. */
export function housekeepingStore (db: Knex): HousekeepingStore {
  return {
    removeExpired: async rules => {
      const { rows } = await db.raw<{ rows: Array<{ locked: boolean }> }>('select pg_try_advisory_xact_lock(?) as locked', [TIDY_LOCK])
      if (rows[0]?.locked !== true) return null
      const bindings = bindingsOf(rules)
      const counts: Record<string, number> = {}
      for (const [kind, table, condition] of EXPIRED) {
        const { rowCount } = await db.raw<{ rowCount: number }>(`delete from ${table} where ctid in (select ctid from ${table} where ${condition} limit :limit for update skip locked)`, bindings)
        counts[kind] = rowCount
      }
      return { ...counts, statusLists: await removeUnusedLists(db, bindings) }
    }
  }
}

type Bindings = ReturnType<typeof bindingsOf>

async function removeUnusedLists (db: Knex, bindings: Bindings): Promise<number> {
  const { rows } = await db.raw<{ rows: Array<{ id: string }> }>(`select id from status_lists where ${UNUSED_LIST} limit :limit for update skip locked`, bindings)
  const ids = rows.map(({ id }) => id)
  if (ids.length === 0) return 0
  await db('status_indexes').whereIn('list_id', ids).delete()
  return await db('status_lists').whereIn('id', ids).delete()
}

function bindingsOf ({ expiredBeforeMs, requestsBeforeMs, attemptsBeforeMs, endedBeforeMs, limit }: TidyRules): { expired: Date, requests: Date, attempts: Date, ended: Date, limit: number } {
  return { expired: timeOf(expiredBeforeMs), requests: timeOf(requestsBeforeMs), attempts: timeOf(attemptsBeforeMs), ended: timeOf(endedBeforeMs), limit }
}
