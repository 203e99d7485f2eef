import type { Knex } from 'knex'
import type { HousekeepingStore, TidyRules } from '../contract.ts'
import { timeOf } from './time.ts'

/** Any number, as long as nothing else of this database uses it. */
const TIDY_LOCK = 7_201_002

/**
 * What goes, by kind: a table, and the condition under which its rows cannot matter any more. Sessions before the lists
 * that they are in.
 */
const EXPIRED: ReadonlyArray<readonly [kind: string, table: string, condition: string]> = [
  ['opaqueTokens', 'opaque_access_tokens', 'expires_at < :expired'],
  ['replayedIds', 'replayed_ids', 'expires_at < :expired'],
  ['pushedRequests', 'pushed_requests', 'expires_at < :requests'],
  [
    'loginAttempts',
    'login_attempts',
    'last_failed_at < :attempts and coalesce(blocked_until, last_failed_at) < :expired'
  ],
  ['authorizationCodes', 'authorization_codes', 'expires_at < :ended'],
  ['clientSecrets', 'client_secrets', 'expires_at < :ended'],
  ['sessions', 'sessions', 'coalesce(ended_at, least(idle_expires_at, absolute_expires_at)) < :ended'],
  ['signIns', 'sign_ins', 'coalesce(ended_at, least(idle_expires_at, absolute_expires_at)) < :ended']
]

const IN_USE = `(exists (select 1 from sessions where sessions.status_list_id = status_lists.id)
  or exists (select 1 from clients where clients.status_list_id = status_lists.id))`

/** Removes expired rows on PostgreSQL; call it within a transaction, which holds the lock. */
export function housekeepingStore(db: Knex): HousekeepingStore {
  return {
    removeExpired: async rules => {
      const { rows } = await db.raw<{ rows: Array<{ locked: boolean }> }>(
        'select pg_try_advisory_xact_lock(?) as locked',
        [TIDY_LOCK]
      )
      if (rows[0]?.locked !== true) return null
      const bindings = bindingsOf(rules)
      const counts: Record<string, number> = {}
      for (const [kind, table, condition] of EXPIRED) {
        const { rowCount } = await db.raw<{ rowCount: number }>(
          `delete from ${table} where ctid in (select ctid from ${table} where ${condition} limit :limit for update skip locked)`,
          bindings
        )
        counts[kind] = rowCount
      }
      return { ...counts, ...(await removeUnusedLists(db, bindings)) }
    }
  }
}

type Bindings = ReturnType<typeof bindingsOf>

/**
 * A list that nothing is in any more may still be named by revoked tokens that have not expired: it goes when it has
 * been unused for as long as an ended session stays. Its positions go first, a batch at a time.
 */
async function removeUnusedLists(
  db: Knex,
  bindings: Bindings
): Promise<{ readonly statusPositions: number; readonly statusLists: number }> {
  await db.raw(`update status_lists set unused_since = null where unused_since is not null and ${IN_USE}`)
  await db.raw(
    `update status_lists set unused_since = :expired where not open and unused_since is null and not ${IN_USE}`,
    bindings
  )
  let [statusPositions, statusLists] = [0, 0]
  while (statusPositions < bindings.limit) {
    const {
      rows: [list]
    } = await db.raw<{ rows: Array<{ id: string }> }>(
      `select id from status_lists
      where not open and unused_since < :ended and not ${IN_USE} order by id limit 1 for update skip locked`,
      bindings
    )
    if (list === undefined) break
    const positions = db('status_indexes').where({ list_id: list.id })
    statusPositions += await positions
      .clone()
      .whereIn(
        'index',
        positions
          .clone()
          .select('index')
          .limit(bindings.limit - statusPositions)
      )
      .delete()
    if ((await positions.clone().first('index')) !== undefined) break
    statusLists += await db('status_lists').where({ id: list.id }).delete()
  }
  return { statusPositions, statusLists }
}

function bindingsOf({ expiredBeforeMs, requestsBeforeMs, attemptsBeforeMs, endedBeforeMs, limit }: TidyRules): {
  expired: Date
  requests: Date
  attempts: Date
  ended: Date
  limit: number
} {
  return {
    expired: timeOf(expiredBeforeMs),
    requests: timeOf(requestsBeforeMs),
    attempts: timeOf(attemptsBeforeMs),
    ended: timeOf(endedBeforeMs),
    limit
  }
}
