import { createHash } from 'node:crypto'
import { canonicalJson, isSecretField, type JsonValue } from '@sallyport/security-context/mechanics'

/** Longest text of a column, in UTF-16 code units. */
const MAX_TEXT_LENGTH = 1024
/** Longest string inside `detail`. */
const MAX_DETAIL_TEXT_LENGTH = 4096
const MAX_DETAIL_BYTES = 32_768
const MAX_DETAIL_DEPTH = 8
const MAX_DETAIL_MEMBERS = 100
const REDACTED = '[redacted]'

/** The `jti` of a token is kept as the column `token_id_hash` keeps it, so that the rows of a token can be joined. */
const TOKEN_ID_NAME = /[tT]okenId$/
/**
 * A JWS and a credential with its scheme: recognised anywhere in a text, because callers put them into messages too.
 */
const JWS = /(^|[^\w-])eyJ[\w-]{8,}\.[\w-]+\.[\w-]*/gi
const CREDENTIAL = /\b(?:Bearer|Basic|DPoP) +([\w.~+/-]+=*)/gi
const SHORTEST_AUDITED_CREDENTIAL = 8
/**
 * Most texts are ids, names and codes, in which there can be neither: a credential has a space, and a JWS has dots and
 * is longer than this.
 */
const SHORTEST_JWS = 14
const PLAIN_TEXT = /^[\w.:/-]*$/
const DOTLESS_TEXT = /^[\w:/-]*$/
const MAX_PLAIN_LENGTH = 128

/**
 * Text as it can be stored: credentials in it redacted, NUL (which PostgreSQL refuses) written as `\u0000`, a lone
 * surrogate as U+FFFD, and cut to a limit. The cut part is described by its length and hash, so that two long values
 * stay distinguishable. Other control and bidirectional characters are kept: a query parameter and a JSON string can
 * hold them.
 */
export function cleanText(text: string, maxLength: number = MAX_TEXT_LENGTH): string {
  const isShort = text.length < SHORTEST_JWS
  if (isShort ? PLAIN_TEXT.test(text) : text.length <= MAX_PLAIN_LENGTH && DOTLESS_TEXT.test(text)) return text
  const bounded =
    text.length > maxLength ? `${text.slice(0, maxLength)}…[${text.length} characters, sha256 ${sha256(text)}]` : text
  return bounded
    .replace(JWS, `$1${REDACTED}`)
    .replace(CREDENTIAL, hideCredential)
    .toWellFormed()
    .replaceAll('\0', '\\u0000')
}

function hideCredential(found: string, value: string): string {
  return value.length >= SHORTEST_AUDITED_CREDENTIAL ? REDACTED : found
}

/** {@link cleanText} for a value that may be missing. */
export function cleanOptional(text: string | null | undefined): string | null {
  return text === null || text === undefined ? null : cleanText(text)
}

/**
 * `detail` as it can be stored: JSON only, members whose name looks like a secret redacted, with limits on strings,
 * depth, number of members and total size, each of which leaves a marker.
 * @param secretNames more member names to redact, case-insensitive
 */
export function cleanDetail(detail: Readonly<Record<string, unknown>>, secretNames: ReadonlySet<string>): JsonValue {
  const cleaned = cleanValue(detail, secretNames, 0)
  const text = canonicalJson(cleaned)
  const bytes = Buffer.byteLength(text)
  return bytes <= MAX_DETAIL_BYTES ? cleaned : { truncated: true, bytes, sha256: sha256(text) }
}

function cleanValue(value: unknown, secretNames: ReadonlySet<string>, depth: number): JsonValue {
  if (typeof value === 'string') return cleanText(value, MAX_DETAIL_TEXT_LENGTH)
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (typeof value === 'boolean' || value === null) return value
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (typeof value !== 'object') return null
  if (depth === MAX_DETAIL_DEPTH) return '[too deep]'
  if (Array.isArray(value)) return cleanList(value, secretNames, depth)
  return cleanObject(Object.entries(value), secretNames, depth)
}

function cleanList(list: readonly unknown[], secretNames: ReadonlySet<string>, depth: number): JsonValue {
  const kept: JsonValue[] = list.slice(0, MAX_DETAIL_MEMBERS).map(item => cleanValue(item, secretNames, depth + 1))
  if (list.length > MAX_DETAIL_MEMBERS) kept.push(`[${list.length - MAX_DETAIL_MEMBERS} more]`)
  return kept
}

function cleanObject(
  members: readonly (readonly [string, unknown])[],
  secretNames: ReadonlySet<string>,
  depth: number
): JsonValue {
  const kept = members
    .slice(0, MAX_DETAIL_MEMBERS)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => cleanMember(name, value, secretNames, depth))
  if (members.length > MAX_DETAIL_MEMBERS) kept.push(['[more]', members.length - MAX_DETAIL_MEMBERS])
  return Object.fromEntries(kept)
}

function cleanMember(
  name: string,
  value: unknown,
  secretNames: ReadonlySet<string>,
  depth: number
): [string, JsonValue] {
  const isNamedSecret = secretNames.has(name.toLowerCase())
  if (!isNamedSecret && TOKEN_ID_NAME.test(name) && typeof value === 'string') {
    return [cleanText(`${name}Hash`, 128), sha256(value)]
  }
  const isSecret = isNamedSecret || isSecretField(name, value)
  return [cleanText(name, 128), isSecret ? REDACTED : cleanValue(value, secretNames, depth + 1)]
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
