import type { Knex } from 'knex'
import type { EndedBy, LeaseRequest, SessionStore, StoredSession } from '../session-store.ts'

const SESSIONS_TABLE = 'login_sessions'

/** A row of the table; the driver gives `bigint` as text. */
interface StoredSessionRow {
  readonly id: string
  readonly issuer: string
  readonly subject: string
  readonly issuer_session_id: string | null
  readonly created_at_ms: string
  readonly last_used_at_ms: string
  readonly expires_at_ms: string
  readonly sealed: string
  readonly version: number
  readonly lease_holder: string | null
  readonly lease_until_ms: string | null
  readonly data: string | null
  readonly data_version: number
}

/** How {@link postgresSessionStore} asks. */
export interface PostgresSessionStoreOptions {
  /**
   * For one statement, in ms.
   * @default 2000
   */
  readonly timeoutMs?: number
}

/**
 * Keeps sessions in PostgreSQL: in the tables of {@link sessionMigrations}, each step one statement. What is committed
 * is not lost, also when the server is.
 * @param db pool of the app's role
 */
export function postgresSessionStore(db: Knex, { timeoutMs = 2000 }: PostgresSessionStoreOptions = {}): SessionStore {
  const live = (id: string, nowMs: number) =>
    db<StoredSessionRow>(SESSIONS_TABLE).where({ id }).where('expires_at_ms', '>', nowMs).timeout(timeoutMs)

  /** Updates what a query finds, which is one row or none. */
  async function updated(query: Knex.QueryBuilder, changes: object): Promise<boolean> {
    return Number(await query.update(changes)) === 1
  }

  return {
    async create(session) {
      await db(SESSIONS_TABLE).insert(rowOfSession(session)).timeout(timeoutMs)
    },
    async find(id, nowMs) {
      const row: StoredSessionRow | undefined = await live(id, nowMs).first()
      return row === undefined ? null : sessionOfRow(row)
    },
    async touch({ id, lastUsedAtMs, expiresAtMs }, nowMs) {
      await updated(live(id, nowMs), {
        last_used_at_ms: db.raw('greatest(last_used_at_ms, ?)', [lastUsedAtMs]),
        expires_at_ms: db.raw('greatest(expires_at_ms, ?)', [expiresAtMs])
      })
    },
    async takeLease({ id, version, nowMs, ...lease }) {
      const free = live(id, nowMs)
        .where({ version })
        .where(query => query.whereNull('lease_until_ms').orWhere('lease_until_ms', '<=', nowMs))
      return await updated(free, leaseColumns(lease))
    },
    async releaseLease(id, holder) {
      await updated(db(SESSIONS_TABLE).where({ id, lease_holder: holder }).timeout(timeoutMs), leaseColumns(null))
    },
    async replaceTokens({ id, version, sealed, nowMs }) {
      return await updated(live(id, nowMs).where({ version }), {
        sealed,
        version: version + 1,
        ...leaseColumns(null)
      })
    },
    async replaceData({ id, dataVersion, data, nowMs }) {
      const changes = { data, data_version: dataVersion + 1 }
      return await updated(live(id, nowMs).where({ data_version: dataVersion }), changes)
    },
    async end(by) {
      const rows: StoredSessionRow[] = await db<StoredSessionRow>(SESSIONS_TABLE)
        .where(endedColumns(by))
        .delete()
        .returning('*')
        .timeout(timeoutMs)
      return rows.map(sessionOfRow)
    },
    async listOfOwner({ issuer, subject }, nowMs, limit) {
      const rows: StoredSessionRow[] = await db<StoredSessionRow>(SESSIONS_TABLE)
        .where({ issuer, subject })
        .where('expires_at_ms', '>', nowMs)
        .orderBy('last_used_at_ms', 'desc')
        .limit(limit)
        .timeout(timeoutMs)
      return rows.map(sessionOfRow)
    },
    async endOnce(by, { key, nowMs, untilMs }) {
      const use = db.raw(
        `insert into login_session_uses as u (key, until_ms) values (?, ?)
        on conflict (key) do update set until_ms = excluded.until_ms where u.until_ms <= ? returning key`,
        [key, untilMs, nowMs]
      )
      const ended = db(SESSIONS_TABLE)
        .where(endedColumns(by))
        .whereExists(db.select(db.raw('1')).from('used'))
        .delete()
        .returning('*')
      const rows: ReadonlyArray<StoredSessionRow | { readonly id: null }> = await db
        .with('used', use)
        .with('ended', ended)
        .select('ended.*')
        .from('used')
        .leftJoin('ended', db.raw('true'))
        .timeout(timeoutMs)
      return rows.length === 0 ? null : rows.flatMap(row => (row.id === null ? [] : [sessionOfRow(row)]))
    },
    async removeExpired(nowMs, limit) {
      const sessions = await removeBatch(db, { table: SESSIONS_TABLE, key: 'id', until: 'expires_at_ms' }, nowMs, limit)
      const uses = await removeBatch(
        db,
        { table: 'login_session_uses', key: 'key', until: 'until_ms' },
        nowMs,
        Math.max(limit - sessions, 0)
      )
      return sessions + uses
    }
  }
}

/** What somebody is changing is left to a later run. */
async function removeBatch(
  db: Knex,
  { table, key, until }: { readonly table: string; readonly key: string; readonly until: string },
  nowMs: number,
  limit: number
): Promise<number> {
  const expired = db(table).select(key).where(until, '<=', nowMs).orderBy(until).limit(limit).forUpdate().skipLocked()
  return await db(table).whereIn(key, expired).where(until, '<=', nowMs).delete()
}

function endedColumns(by: EndedBy): Partial<StoredSessionRow> {
  switch (by.kind) {
    case 'session':
      return { id: by.id }
    case 'version':
      return { id: by.id, version: by.version }
    case 'owner':
      return { issuer: by.issuer, subject: by.subject }
    case 'issuer-session': {
      const { issuer, issuerSessionId, subject } = by
      return { issuer, issuer_session_id: issuerSessionId, ...(subject !== null && { subject }) }
    }
  }
}

const leaseColumns = (lease: Pick<LeaseRequest, 'holder' | 'untilMs'> | null) => ({
  lease_holder: lease?.holder ?? null,
  lease_until_ms: lease?.untilMs ?? null
})

function rowOfSession({ lease, ...session }: StoredSession): object {
  return {
    id: session.id,
    issuer: session.issuer,
    subject: session.subject,
    issuer_session_id: session.issuerSessionId,
    created_at_ms: session.createdAtMs,
    last_used_at_ms: session.lastUsedAtMs,
    expires_at_ms: session.expiresAtMs,
    sealed: session.sealed,
    version: session.version,
    ...leaseColumns(lease),
    data: session.data,
    data_version: session.dataVersion
  }
}

function sessionOfRow(row: StoredSessionRow): StoredSession {
  const { lease_holder: holder, lease_until_ms: untilMs } = row
  return Object.freeze({
    id: row.id,
    issuer: row.issuer,
    subject: row.subject,
    issuerSessionId: row.issuer_session_id,
    createdAtMs: Number(row.created_at_ms),
    lastUsedAtMs: Number(row.last_used_at_ms),
    expiresAtMs: Number(row.expires_at_ms),
    sealed: row.sealed,
    version: row.version,
    lease: holder === null || untilMs === null ? null : { holder, untilMs: Number(untilMs) },
    data: row.data,
    dataVersion: row.data_version
  })
}
