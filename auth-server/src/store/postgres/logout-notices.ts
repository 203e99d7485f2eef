import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import type { LogoutNoticeStore } from '../contract.ts'
import type { LogoutNotice } from '../records.ts'
import { timeOf } from './time.ts'

interface NoticeRow {
  readonly id: string
  readonly client_id: string
  readonly user_id: string
  readonly session_id: string
  readonly attempts: number
  readonly uri: string | null
}

const ADD_NOTICE = `insert into logout_notices (id, client_id, user_id, session_id, created_at, next_attempt_at)
  select ended.id, ended.client_id, ended.user_id, ended.session_id, :now, :now
  from unnest(cast(:ids as uuid[]), cast(:clientIds as text[]), cast(:userIds as uuid[]), cast(:sessionIds as uuid[])) as ended (id, client_id, user_id, session_id)
  join clients on clients.id = ended.client_id
  where clients.backchannel_logout_uri is not null`

// First attempts first: clients that do not answer hold up nobody else. Rows that another instance is just taking are
// skipped, not waited for. The lease in next_attempt_at outlives a process that is killed.
const CLAIM = `with due as (
    select id from logout_notices where next_attempt_at <= :now order by attempts, next_attempt_at limit :limit for update skip locked
  )
  update logout_notices set attempts = attempts + 1, next_attempt_at = :leaseUntil
  from due, clients
  where logout_notices.id = due.id and clients.id = logout_notices.client_id
  returning logout_notices.id, client_id, user_id, session_id, attempts, backchannel_logout_uri as uri`

/** Logout notices on PostgreSQL. */
export function logoutNoticeStore(db: Knex): LogoutNoticeStore {
  return {
    add: async (sessions, nowMs) => {
      if (sessions.length === 0) return
      await db.raw(ADD_NOTICE, {
        now: timeOf(nowMs),
        ids: sessions.map(() => randomUUID()),
        clientIds: sessions.map(({ clientId }) => clientId),
        userIds: sessions.map(({ userId }) => userId),
        sessionIds: sessions.map(({ id }) => id)
      })
    },
    claim: async ({ nowMs, leaseUntilMs, limit }) => {
      const { rows } = await db.raw<{ rows: NoticeRow[] }>(CLAIM, {
        now: timeOf(nowMs),
        leaseUntil: timeOf(leaseUntilMs),
        limit
      })
      return rows.map(noticeOf)
    },
    postpone: async ({ id, attempts }, nextAttemptAtMs) => {
      await db('logout_notices')
        .where({ id, attempts })
        .update({ next_attempt_at: timeOf(nextAttemptAtMs) })
    },
    remove: async id => (await db('logout_notices').where({ id }).delete()) === 1
  }
}

function noticeOf(row: NoticeRow): LogoutNotice {
  return {
    id: row.id,
    clientId: row.client_id,
    userId: row.user_id,
    sessionId: row.session_id,
    attempts: row.attempts,
    uri: row.uri
  }
}
