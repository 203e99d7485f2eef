import { hash } from 'node:crypto'
import { canonicalJson, type JsonValue } from '@sallyport/security-context/mechanics'
import type { PersonalValues } from './privacy/personal-values.ts'

/** One row of the audit trail: who did what to what, when, where, how it ended, in which request. */
export interface AuditRecord {
  /** Version of the record: which fields it has, and so what its content hash covers. */
  readonly version: number
  /** UUID. */
  readonly id: string
  /** UTC, `YYYY-MM-DDTHH:mm:ss.ffffffZ`. */
  readonly occurredAt: string
  /** The service that wrote the row. */
  readonly process: string
  readonly action: string
  readonly outcome: 'success' | 'denied' | 'failure'
  readonly reason: string | null
  readonly subject: string | null
  readonly issuer: string | null
  readonly clientId: string | null
  /** The chain of parties that act for the subject. @see RFC 8693 §4.1 */
  readonly actor: JsonValue
  readonly sessionId: string | null
  /** SHA-256 of the token's `jti`, hexadecimal: joinable, but not a credential. */
  readonly tokenIdHash: string | null
  readonly resourceType: string | null
  readonly resourceId: string | null
  readonly requestId: string | null
  readonly traceId: string | null
  /** Transaction id that crosses services. */
  readonly txn: string | null
  /** Address of the end user, as far as it is believed: in rows before version 3, which do not seal it. */
  readonly sourceAddress: string | null
  readonly detail: JsonValue
  /** Address of the TCP peer, where that is not the end user: in rows of version 2. */
  readonly peerAddress: string | null
  /**
   * Account name tried at a login that no account has, as a keyed hash: `hmac-sha256:<key id>:<hex>`. Version 2 has the
   * names of accounts here too, in clear; later ones seal them.
   */
  readonly nameTried: string | null
  /** How many refusals the row stands for. */
  readonly repeats: number
  /** Personal values, each part as `<key id>:<base64url>`, separated by a space. */
  readonly sealed: string | null
  /** Stands for the address among rows of one key: rows are searched by it. */
  readonly sourceTag: string | null
  /** The same for the name of an account that was tried. */
  readonly nameTag: string | null
  /** Version of the policies that decided. */
  readonly policyVersion: string | null
  /** Version of the configuration that the process had. */
  readonly configurationVersion: string | null
}

/** A row as it is made: what it says of a person is sealed before it is stored, and is no column. */
export interface BuiltRecord extends AuditRecord {
  readonly personal?: PersonalValues | null
}

/** Version of the rows that are written now. */
export const CURRENT_VERSION = 3

type Version = 1 | 2 | typeof CURRENT_VERSION

/** How a field is stored, which decides how it is written and read back. */
type Stored<Value> = Value extends number ? 'integer' : [Value] extends [string | null] ? 'text' | 'time' : 'json'

/** A field is hashed from the version that introduced it on; a row of an earlier version has `before` in its place. */
type RecordField<Value> = { readonly column: string; readonly stored: Stored<Value> } & (
  { readonly since: 1 } | { readonly since: Exclude<Version, 1>; readonly before: Value }
)

/**
 * Every field: its column, how it is stored, and since which version. Insert, read-back, content hash and verification
 * use only this table. The fields of a version are fixed forever, because the hashes of its rows are. A new field needs
 * a new version and a migration that adds the column and grants its insert, and nothing else.
 */
export const RECORD_FIELDS = {
  version: { column: 'version', stored: 'integer', since: 1 },
  id: { column: 'id', stored: 'text', since: 1 },
  occurredAt: { column: 'occurred_at', stored: 'time', since: 1 },
  process: { column: 'process', stored: 'text', since: 1 },
  action: { column: 'action', stored: 'text', since: 1 },
  outcome: { column: 'outcome', stored: 'text', since: 1 },
  reason: { column: 'reason', stored: 'text', since: 1 },
  subject: { column: 'subject', stored: 'text', since: 1 },
  issuer: { column: 'issuer', stored: 'text', since: 1 },
  clientId: { column: 'client_id', stored: 'text', since: 1 },
  actor: { column: 'actor', stored: 'json', since: 1 },
  sessionId: { column: 'session_id', stored: 'text', since: 1 },
  tokenIdHash: { column: 'token_id_hash', stored: 'text', since: 1 },
  resourceType: { column: 'resource_type', stored: 'text', since: 1 },
  resourceId: { column: 'resource_id', stored: 'text', since: 1 },
  requestId: { column: 'request_id', stored: 'text', since: 1 },
  traceId: { column: 'trace_id', stored: 'text', since: 1 },
  txn: { column: 'txn', stored: 'text', since: 1 },
  sourceAddress: { column: 'source_address', stored: 'text', since: 1 },
  detail: { column: 'detail', stored: 'json', since: 1 },
  peerAddress: { column: 'peer_address', stored: 'text', since: 2, before: null },
  nameTried: { column: 'name_tried', stored: 'text', since: 2, before: null },
  repeats: { column: 'repeats', stored: 'integer', since: 2, before: 1 },
  sealed: { column: 'sealed', stored: 'text', since: 3, before: null },
  sourceTag: { column: 'source_tag', stored: 'text', since: 3, before: null },
  nameTag: { column: 'name_tag', stored: 'text', since: 3, before: null },
  policyVersion: { column: 'policy_version', stored: 'text', since: 3, before: null },
  configurationVersion: { column: 'configuration_version', stored: 'text', since: 3, before: null }
} as const satisfies { readonly [Name in keyof AuditRecord]: RecordField<AuditRecord[Name]> }

const ALL = entriesOf(RECORD_FIELDS)

/** A column of the record, with how it is stored. */
export interface RecordColumn {
  readonly name: keyof AuditRecord
  readonly column: string
  readonly stored: 'integer' | 'text' | 'time' | 'json'
  readonly since: number
  /** In rows of an earlier version. */
  readonly before: null | 1
}

/** Every column, in the order of the fields. */
export const RECORD_COLUMNS: readonly RecordColumn[] = ALL.map(([name, field]) => ({
  name,
  column: field.column,
  stored: field.stored,
  since: field.since,
  before: field.since === 1 ? null : field.before
}))

/**
 * Select list that reads a row of `e` back exactly as it was hashed: the time with all its digits, as text. PostgreSQL
 * writes a year before Christ like the one after, so that is said too.
 */
export const SELECT_RECORD = ALL.map(([name, { column, stored }]) =>
  stored === 'time'
    ? `to_char(e.${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') ||
        case when e.${column} < '0001-01-01T00:00:00Z' then ' BC' else '' end as "${name}"`
    : `e.${column} as "${name}"`
).join(', ')

/** What goes into a column of a record: JSON as its canonical text. */
export function storedValue(
  { name, stored, since, before }: RecordColumn,
  record: AuditRecord
): string | number | null {
  const value = since > record.version ? before : record[name]
  if (stored === 'json') return value === null ? null : canonicalJson(value)
  return typeof value === 'string' || typeof value === 'number' ? value : null
}

/** The columns of a record's version and what goes into them. */
export function toColumns(record: AuditRecord): Record<string, string | number | null> {
  return Object.fromEntries(
    RECORD_COLUMNS.filter(({ since }) => since <= record.version).map(column => [
      column.column,
      storedValue(column, record)
    ])
  )
}

/** The members that the hash covers, by version, in the order of canonical JSON: their column, and how they begin. */
const HASHED_MEMBERS = Array.from({ length: CURRENT_VERSION + 1 }, (_, version) =>
  RECORD_COLUMNS.map((column, place) => ({ column, place }))
    .filter(({ column }) => column.since <= version)
    .sort((one, other) => (one.column.name < other.column.name ? -1 : 1))
    .map(({ column, place }, index) => ({ column, place, start: `${index === 0 ? '' : ','}"${column.name}":` }))
)

/** What the hash covers of a field: JSON is stored as its canonical text, and so are numbers and null. */
function hashedText({ stored }: RecordColumn, value: string | number | null): string {
  if (value === null) return 'null'
  if (typeof value === 'number' || stored === 'json') return `${value}`
  return canonicalJson(value)
}

/**
 * SHA-256 over the canonical JSON of what the record's version has: every field by name, so that none can borrow from
 * its neighbour, and nothing from a later version, so that the hash of a row never changes.
 */
export function contentHash(record: AuditRecord): Buffer {
  let text = '{'
  for (const { column, start } of HASHED_MEMBERS[record.version] ?? []) {
    text += start + hashedText(column, storedValue(column, record))
  }
  return hash('sha256', `${text}}`, 'buffer')
}

/** A record as it goes into arrays of columns. */
export interface RowTexts {
  /** Each column as an element of a PostgreSQL array, in the order of {@link RECORD_COLUMNS}. */
  readonly elements: readonly (string | null)[]
  /** Hexadecimal. @see {@link contentHash} */
  readonly contentHash: string
}

/** Every text of a record made once: what is hashed is in most cases what is stored. */
export function rowTexts(record: AuditRecord): RowTexts {
  const elements: (string | null)[] = []
  const hashed: string[] = []
  for (const column of RECORD_COLUMNS) {
    const value = storedValue(column, record)
    const text = hashedText(column, value)
    hashed.push(text)
    elements.push(value === null ? null : elementText(column, value, text))
  }
  return { elements, contentHash: hash('sha256', hashedRecord(record, hashed), 'hex') }
}

/** The same for a row by itself: what goes into each column, and the hash. */
export function rowValues(record: AuditRecord): readonly (string | number | Buffer | null)[] {
  const values: (string | number | Buffer | null)[] = []
  const hashed: string[] = []
  for (const column of RECORD_COLUMNS) {
    const value = storedValue(column, record)
    values.push(value)
    hashed.push(hashedText(column, value))
  }
  values.push(hash('sha256', hashedRecord(record, hashed), 'buffer'))
  return values
}

/** What the hash covers, put together from the texts of all columns. */
function hashedRecord({ version }: AuditRecord, hashed: readonly string[]): string {
  let text = '{'
  for (const { place, start } of HASHED_MEMBERS[version] ?? []) text += start + (hashed[place] ?? '')
  return `${text}}`
}

/** An element in quotes, inside which only the quote and the backslash mean something. */
function elementText({ stored }: RecordColumn, value: string | number, text: string): string {
  if (typeof value === 'number') return text
  // The text of JSON has no control characters, and so quotes in it are all that is escaped.
  if (stored === 'json') return JSON.stringify(value)
  return text.length === value.length + 2 ? text : `"${value.replace(/["\\]/g, '\\$&')}"`
}

/**
 * What is wrong with a stored row that should have this content hash: a version that this code does not know, or
 * different content. A value in a column that the version of the row does not have is different content too.
 */
export function contentProblem(record: AuditRecord, hash: Buffer): 'version-unknown' | 'content-changed' | null {
  if (record.version > CURRENT_VERSION) return 'version-unknown'
  const later = ALL.every(
    ([name, field]) => field.since === 1 || field.since <= record.version || record[name] === field.before
  )
  return later && hasContentHash(record, hash) ? null : 'content-changed'
}

function hasContentHash(record: AuditRecord, hash: Buffer): boolean {
  try {
    return contentHash(record).equals(hash)
  } catch {
    // JSON of the database can have what no record can: numbers without bounds, and more levels than a program reads.
    return false
  }
}

/** Time in the form of records. */
export function auditTime(date: Date): string {
  return date.toISOString().replace('Z', '000Z')
}

type FieldEntry = {
  [Name in keyof typeof RECORD_FIELDS]: readonly [Name, (typeof RECORD_FIELDS)[Name]]
}[keyof typeof RECORD_FIELDS]

function entriesOf(fields: typeof RECORD_FIELDS): readonly FieldEntry[] {
  return Object.entries(fields) as FieldEntry[]
}
