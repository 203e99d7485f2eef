import { AuditQueryInvalidError } from './errors.ts'
import { isKeyedHash } from './privacy/join-hash.ts'
import type { AuditRecord } from './record.ts'

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
/** Of a parameter, in characters: a column has at most 1024 bytes, and what says how much was cut off. */
export const LONGEST_AUDIT_VALUE = 1200
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
    if (
      !NAMES.has(name) ||
      typeof value !== 'string' ||
      value === '' ||
      value.length > LONGEST_AUDIT_VALUE ||
      value.includes('\0')
    ) {
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
