import type { Knex } from 'knex'
import type { SessionSelector, SessionFamilyStore } from '../contract.ts'
import type { RefreshToken, UserSession } from '../records.ts'
import { groupReads } from './group-reads.ts'
import { rotationsOn } from './rotations.ts'
import { sessionOf, sessionRowOf, type SessionRow } from './session-rows.ts'
import { millisecondsOrNull, timeOf } from './time.ts'
import { USER_COLUMNS, userOf, type UserRow } from './users.ts'

interface RefreshTokenRow {
  readonly hash: Buffer
  readonly successor_sealed: Buffer | null
  readonly used_at: Date | null
  readonly successor_used_at: Date | null
}

// One statement, so one snapshot: the roles of a user and the status position of the session never come from different
// moments.
const SESSION = `select sessions.*, ${USER_COLUMNS} from sessions join users on users.id = sessions.user_id where sessions.id = any(?::uuid[])`

const BY_REFRESH_TOKEN = `select sessions.*, ${USER_COLUMNS}, token.hash, token.successor_sealed, token.used_at, successor.used_at as successor_used_at
  from refresh_tokens token
  join sessions on sessions.id = token.session_id
  join users on users.id = sessions.user_id
  left join refresh_tokens successor on successor.hash = token.successor_hash
  where token.hash = any(?)`

// Of concurrent notes for a token and for its predecessor the second waits and then sees the first.
const NOTE_LATE_REPEAT = `update sessions set late_repeat_hash = token.hash from refresh_tokens token
  where token.hash = :hash and sessions.id = token.session_id and sessions.ended_at is null
    and (token.predecessor_hash is null or sessions.late_repeat_hash is distinct from token.predecessor_hash)`

/** Sessions and their refresh tokens on PostgreSQL. */
export function sessionStore(db: Knex): SessionFamilyStore {
  const find = groupReads(db, async (ids: readonly string[]) => {
    const { rows } = await db
      .raw<{ rows: Array<SessionRow & UserRow> }>(SESSION, [[...new Set(ids)]])
      .options({ name: 'sallyport-sessions' })
    const found = new Map(rows.map(row => [row.id, userSessionOf(row)]))
    return (id: string) => found.get(id.toLowerCase()) ?? null
  })
  const findByRefreshToken = groupReads(db, async (hashes: readonly Buffer[]) => {
    const { rows } = await db
      .raw<{ rows: Array<SessionRow & UserRow & RefreshTokenRow> }>(BY_REFRESH_TOKEN, [[...hashes]])
      .options({ name: 'sallyport-refresh-tokens' })
    const found = new Map(rows.map(row => [row.hash.toString('latin1'), refreshTokenOf(row)]))
    return (hash: Buffer) => found.get(hash.toString('latin1')) ?? null
  })
  return {
    find,
    findByRefreshToken,
    create: async (session, refreshTokenHash) => {
      // One statement: both rows or none.
      await db('refresh_tokens')
        .with('created', db('sessions').insert(sessionRowOf(session)))
        .insert({ hash: refreshTokenHash, session_id: session.id, created_at: timeOf(session.createdAtMs) })
    },
    rotate: rotationsOn(db),
    noteLateRepeat: async hash => {
      const { rowCount } = await db.raw<{ rowCount: number }>(NOTE_LATE_REPEAT, { hash })
      return rowCount === 1
    },
    listOfUser: async (userId, nowMs) => {
      const rows = await db<SessionRow>('sessions')
        .where({ user_id: userId })
        .whereNull('ended_at')
        .where('idle_expires_at', '>', timeOf(nowMs))
        .where('absolute_expires_at', '>', timeOf(nowMs))
        .orderBy('created_at', 'desc')
      return rows.map(sessionOf)
    },
    end: async (selector, reason, nowMs) => {
      const rows = await db<SessionRow>('sessions')
        .where(conditionOf(selector))
        .modify(query => {
          const keptId = selector.kind === 'user' ? selector.keptSignInId : undefined
          if (keptId !== undefined) void query.whereRaw('sign_in_id is distinct from ?::uuid', [keptId])
        })
        .whereNull('ended_at')
        .update({ ended_at: timeOf(nowMs), end_reason: reason })
        .returning('*')
      return rows.map(row => sessionOf(row))
    },
    lockLiveOfUser: async userId => {
      const rows = await db<SessionRow>('sessions')
        .where({ user_id: userId })
        .whereNull('ended_at')
        .orderBy('id')
        .forUpdate()
      return rows.map(sessionOf)
    },
    lockLiveUsing: async use => {
      const live = db<SessionRow>('sessions').whereNull('ended_at').orderBy('id').forUpdate()
      if (use.kind === 'client') return (await live.where({ client_id: use.clientId })).map(sessionOf)
      if (use.kind === 'audience') return (await live.where({ audience: use.audience })).map(sessionOf)
      if (use.kind === 'role') {
        const holders = db('user_roles').select('user_id').where({ role: use.role })
        return (await live.whereIn('user_id', holders)).map(sessionOf)
      }
      return (await live.whereRaw('? = any(scopes)', [use.scope])).map(sessionOf)
    },
    setStatus: async (id, status) => {
      await db('sessions').where({ id }).update({ status_list_id: status.listId, status_index: status.index })
    }
  }
}

function userSessionOf(row: SessionRow & UserRow): UserSession {
  return { session: sessionOf(row), user: userOf(row) }
}

function refreshTokenOf(row: SessionRow & UserRow & RefreshTokenRow): RefreshToken {
  return {
    ...userSessionOf(row),
    hash: row.hash,
    successorSealed: row.successor_sealed,
    usedAtMs: millisecondsOrNull(row.used_at),
    successorUsedAtMs: millisecondsOrNull(row.successor_used_at)
  }
}

function conditionOf(selector: SessionSelector): Partial<SessionRow> {
  switch (selector.kind) {
    case 'session':
      return selector.userId === undefined
        ? { id: selector.sessionId }
        : { id: selector.sessionId, user_id: selector.userId }
    case 'user':
      return { user_id: selector.userId }
    case 'client':
      return { client_id: selector.clientId }
    case 'sign-in':
      return { sign_in_id: selector.signInId }
    case 'all':
      return {}
  }
}
