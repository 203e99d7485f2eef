import type { Knex } from 'knex'
import { withConnection } from './connection.ts'
import { AuditQueryInvalidError } from './errors.ts'
import { isKeyedHash } from './privacy/join-hash.ts'
import { RECORD_FIELDS, SELECT_RECORD, type AuditRecord } from './record.ts'
import type { Rows } from './seal-pending.ts'

/** What to read of the trail. */
export interface AuditQuery {
  /** Default of the route: newest first. */
  readonly order: 'oldest' | 'newest'
  /** Continue after this sequence, in the given order. */
  readonly after?: number
  /** Most rows in the page, 1 to 500. */
  readonly limit: number
  /** ISO 8601 with zone, inclusive. */
  readonly from?: Date
  /** ISO 8601 with zone, exclusive. */
  readonly until?: Date
  readonly subject?: string
  /** Of the subject. The trail's own is also that of subjects that came without one. */
  readonly issuer?: string
  readonly clientId?: string
  /** The keyed hash that a row has. */
  readonly nameTried?: string
  readonly action?: string
  readonly outcome?: string
  readonly reason?: string
  readonly resourceType?: string
  readonly resourceId?: string
  readonly requestId?: string
  readonly traceId?: string
  readonly txn?: string
  readonly sessionId?: string
}

/** A sealed row. */
export interface SealedRecord extends AuditRecord {
  readonly sequence: number
  /** Hexadecimal. */
  readonly chainHash: string
}

/** One page of the trail. */
export interface AuditPage {
  readonly events: readonly SealedRecord[]
  /** `after` of the next page; `null` when this is the last. */
  readonly next: number | null
}

/** What a page can be narrowed to: members of the query that are fields of a row. */
export const FILTER_NAMES = [
  'subject',
  'issuer',
  'clientId',
  'nameTried',
  'action',
  'outcome',
  'reason',
  'resourceType',
  'resourceId',
  'requestId',
  'traceId',
  'txn',
  'sessionId'
] as const satisfies readonly (keyof AuditRecord & keyof AuditQuery)[]
const NAMES: ReadonlySet<string> = new Set(['order', 'after', 'limit', 'from', 'until', ...FILTER_NAMES])
/** Names that may be repeated to the caller. */
const PARAMETER_NAME = /^[A-Za-z_-]{1,40}$/
const QUERIED_INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)$/

/**
 * Parses a query string. The app's Ajv does not do it, because by default it drops unknown members and converts types:
 * a misspelt filter must not return the whole trail.
 * @throws {AuditQueryInvalidError} `SALLYPORT_AUDIT_QUERY_INVALID`, naming the parameter that is unknown, repeated or
 * malformed
 */
export function parseAuditQuery(query: unknown): AuditQuery {
  const given = new Map<string, string>()
  for (const [name, value] of Object.entries(query ?? {})) {
    if (!NAMES.has(name) || typeof value !== 'string' || value === '' || value.length > 1100 || value.includes('\0')) {
      throw new AuditQueryInvalidError(PARAMETER_NAME.test(name) ? name : 'a name')
    }
    given.set(name, value)
  }
  const order = given.get('order') ?? 'newest'
  if (order !== 'oldest' && order !== 'newest') throw new AuditQueryInvalidError('order')
  const after = wholeNumber(given, 'after')
  const limit = wholeNumber(given, 'limit') ?? 100
  if (limit < 1 || limit > 500) throw new AuditQueryInvalidError('limit')
  const from = instant(given, 'from')
  const until = instant(given, 'until')
  // A name in clear is asked for by those who may read personal values.
  const name = given.get('nameTried')
  if (name !== undefined && !isKeyedHash(name)) throw new AuditQueryInvalidError('nameTried')
  const filters = Object.fromEntries(FILTER_NAMES.flatMap(name => (given.has(name) ? [[name, given.get(name)]] : [])))
  return {
    order,
    limit,
    ...filters,
    ...(after === undefined ? {} : { after }),
    ...(from === undefined ? {} : { from }),
    ...(until === undefined ? {} : { until })
  }
}

function wholeNumber(given: ReadonlyMap<string, string>, name: string): number | undefined {
  const text = given.get(name)
  if (text === undefined) return undefined
  if (!/^\d{1,15}$/.test(text)) throw new AuditQueryInvalidError(name)
  return Number(text)
}

function instant(given: ReadonlyMap<string, string>, name: string): Date | undefined {
  const text = given.get(name)
  if (text === undefined) return undefined
  const date = new Date(text)
  if (!QUERIED_INSTANT.test(text) || Number.isNaN(date.getTime()) || !isOnCalendar(text.slice(0, 10))) {
    throw new AuditQueryInvalidError(name)
  }
  return date
}

/** `Date` takes the 30th of February for the 1st or 2nd of March. */
function isOnCalendar(day: string): boolean {
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day)
}

/** A value of a condition. */
type ConditionValue = string | number | Date | string[]

/** A condition on the row `e`, beside those of the query. */
export interface RowCondition {
  /** With `?` for each value. */
  readonly sql: string
  readonly values: readonly ConditionValue[]
}

/** Whoever is named without an issuer is of the trail's own. */
const OF_OWN_ISSUER = '(e.issuer = ? or (e.issuer is null and e.subject is not null))'

/** How a page is read. */
export interface ReadingOptions {
  /** Default 5000. */
  readonly timeoutMs?: number
  readonly also?: readonly RowCondition[]
  /** The trail's own issuer, for a query that names it; left out: rows have what it names, or are not found. */
  readonly ownIssuer?: string | undefined
}

/**
 * Reads one page of sealed rows. Fields that the version of a row does not have are `null`, and 1 for `repeats`.
 */
export async function readAudit(
  db: Knex,
  query: AuditQuery,
  { timeoutMs = 5000, also = [], ownIssuer }: ReadingOptions = {}
): Promise<AuditPage> {
  const newest = query.order === 'newest'
  const conditions: string[] = []
  const values: ConditionValue[] = []
  const add = (condition: string, value: string | number | Date | undefined): void => {
    if (value === undefined) return
    conditions.push(condition)
    values.push(value)
  }
  add(newest ? 's.sequence < ?' : 's.sequence > ?', query.after)
  add('e.occurred_at >= ?', query.from)
  add('e.occurred_at < ?', query.until)
  for (const name of FILTER_NAMES) {
    const isOwn = name === 'issuer' && query.issuer === ownIssuer
    add(isOwn ? OF_OWN_ISSUER : `e.${RECORD_FIELDS[name].column} = ?`, query[name])
  }
  for (const condition of also) {
    conditions.push(condition.sql)
    values.push(...condition.values)
  }
  const { rows } = await withConnection(db, timeoutMs, async connection =>
    db
      .raw<Rows<AuditRecord & { sequence: string; chainHash: string }>>(
        `
    select s.sequence, encode(s.chain_hash, 'hex') as "chainHash", ${SELECT_RECORD}
    from audit_seals s join audit_events e on e.id = s.event_id
    ${conditions.length > 0 ? `where ${conditions.join(' and ')}` : ''}
    order by s.sequence ${newest ? 'desc' : 'asc'} limit ?`,
        [...values, query.limit + 1]
      )
      .connection(connection)
  )
  const events = rows.slice(0, query.limit).map(row => ({ ...row, sequence: Number(row.sequence) }))
  return { events, next: rows.length > query.limit ? (events.at(-1)?.sequence ?? null) : null }
}
