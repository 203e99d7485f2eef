import { createHash } from 'node:crypto'
import { canonicalJson, type JsonValue } from '@sallyport/security-context/mechanics'
import type { ClassifyField } from './privacy/field-class.ts'
import { SEALED_MARK } from './privacy/personal-values.ts'

/**
 * Longest text of a column, in bytes of UTF-8: an entry of an index holds some 2700. What says how much was cut off
 * comes on top.
 */
const MAX_TEXT_BYTES = 1024
/** Longest string inside `detail`. */
const MAX_DETAIL_TEXT_LENGTH = 4096
const MAX_DETAIL_BYTES = 32_768
/** In JSON: of an escape such as `\u0001`. In UTF-8 it has three at most. */
const MOST_BYTES_OF_A_CHARACTER = 6
/** Of a value that is no text, of brackets and commas, of what stands in place of a value. */
const MOST_BYTES_OF_A_MARK = 256
const MAX_DETAIL_DEPTH = 8
const MAX_DETAIL_MEMBERS = 100
const REDACTED = '[redacted]'
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
export function cleanText(text: string, maxLength: number = MAX_TEXT_BYTES): string {
  const isShort = text.length < SHORTEST_JWS
  if (isShort ? PLAIN_TEXT.test(text) : text.length <= MAX_PLAIN_LENGTH && DOTLESS_TEXT.test(text)) return text
  const safe = text
    .slice(0, maxLength)
    .replace(JWS, `$1${REDACTED}`)
    .replace(CREDENTIAL, hideCredential)
    .toWellFormed()
    .replaceAll('\0', '\\u0000')
  const bounded = maxLength === MAX_TEXT_BYTES ? cutColumnText(safe, maxLength) : safe
  if (bounded.length === safe.length && text.length <= maxLength) return bounded
  return `${bounded}…[${text.length} characters, sha256 ${sha256(text)}]`
}

/** As much of a text as has so many bytes, in whole characters. */
function cutColumnText(text: string, most: number): string {
  // No code unit has more than three.
  if (text.length * 3 <= most || Buffer.byteLength(text) <= most) return text
  return text.slice(0, new TextEncoder().encodeInto(text, new Uint8Array(most)).read)
}

function hideCredential(found: string, value: string): string {
  return value.length >= SHORTEST_AUDITED_CREDENTIAL ? REDACTED : found
}

/** {@link cleanText} for a value that may be missing. */
export function cleanOptional(text: string | null | undefined): string | null {
  return text === null || text === undefined ? null : cleanText(text)
}

/** How the members of `detail` are treated. */
export interface DetailRules {
  readonly classify: ClassifyField
  /** Hash of a joinable value. */
  readonly hashValue: (value: string) => string
}

/** `detail` in two parts. */
export interface CleanedDetail {
  /** With marks where something secret or personal was. */
  readonly shown: JsonValue
  /** Personal values by JSON Pointer; `null` when there are none. */
  readonly personal: Readonly<Record<string, JsonValue>> | null
}

interface CleaningPass extends DetailRules {
  readonly personal: Map<string, JsonValue>
  /** What has been kept so far is not larger as JSON, whatever characters it has. */
  readonly size: { mostBytes: number }
}

/**
 * `detail` as it can be stored: JSON only, each member as its class says, with limits on strings, depth, number of
 * members and total size, each of which leaves a marker.
 */
export function cleanDetail(detail: Readonly<Record<string, unknown>>, rules: DetailRules): CleanedDetail {
  const { classify, hashValue } = rules
  const pass: CleaningPass = { classify, hashValue, personal: new Map(), size: { mostBytes: 0 } }
  const cleaned = cleanValue(detail, pass, '', 0)
  const mayBeLarge = pass.size.mostBytes > MAX_DETAIL_BYTES
  const shown = mayBeLarge ? boundedJson(cleaned) : cleaned
  if (pass.personal.size === 0) return { shown, personal: null }
  const personal = Object.fromEntries(pass.personal)
  return { shown, personal: mayBeLarge ? boundedPersonal(personal) : personal }
}

function boundedJson(value: JsonValue): JsonValue {
  // As long as the canonical text, and made faster.
  const bytes = Buffer.byteLength(JSON.stringify(value))
  return bytes <= MAX_DETAIL_BYTES ? value : { truncated: true, bytes, sha256: sha256(canonicalJson(value)) }
}

function boundedPersonal(values: Readonly<Record<string, JsonValue>>): Readonly<Record<string, JsonValue>> {
  const bytes = Buffer.byteLength(JSON.stringify(values))
  return bytes <= MAX_DETAIL_BYTES ? values : { '': { truncated: true, bytes } }
}

function cleanValue(value: unknown, pass: CleaningPass, place: string, depth: number): JsonValue {
  const { size } = pass
  if (typeof value === 'string') {
    const text = cleanText(value, MAX_DETAIL_TEXT_LENGTH)
    addText(size, text)
    return text
  }
  size.mostBytes += MOST_BYTES_OF_A_MARK
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (typeof value === 'boolean' || value === null) return value
  if (typeof value === 'bigint') return cleanValue(value.toString(), pass, place, depth)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (typeof value !== 'object') return null
  if (depth === MAX_DETAIL_DEPTH) return '[too deep]'
  if (Array.isArray(value)) return cleanList(value, pass, place, depth)
  return cleanObject(Object.entries(value), pass, place, depth)
}

function addText(size: CleaningPass['size'], text: string): void {
  size.mostBytes += text.length * MOST_BYTES_OF_A_CHARACTER
}

function cleanList(list: readonly unknown[], pass: CleaningPass, place: string, depth: number): JsonValue {
  const kept: JsonValue[] = list
    .slice(0, MAX_DETAIL_MEMBERS)
    .map((item, index) => cleanValue(item, pass, `${place}/${index}`, depth + 1))
  if (list.length > MAX_DETAIL_MEMBERS) kept.push(`[${list.length - MAX_DETAIL_MEMBERS} more]`)
  return kept
}

function cleanObject(
  members: readonly (readonly [string, unknown])[],
  pass: CleaningPass,
  place: string,
  depth: number
): JsonValue {
  const kept = members
    .slice(0, MAX_DETAIL_MEMBERS)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => cleanMember(name, value, pass, place, depth))
  if (members.length > MAX_DETAIL_MEMBERS) kept.push(['[more]', members.length - MAX_DETAIL_MEMBERS])
  return Object.fromEntries(kept)
}

function cleanMember(
  given: string,
  value: unknown,
  pass: CleaningPass,
  place: string,
  depth: number
): [string, JsonValue] {
  const name = cleanText(given, 128)
  addText(pass.size, name)
  pass.size.mostBytes += MOST_BYTES_OF_A_MARK
  const fieldClass = pass.classify(given, value)
  if (fieldClass === 'secret') return [name, REDACTED]
  // Kept as the column `token_id_hash` keeps it, so that the rows of a token can be joined.
  if (fieldClass === 'token-id') return [cleanText(`${given}Hash`, 128), sha256(String(value))]
  const own = `${place}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
  if (fieldClass === 'public' || value === null) return [name, cleanValue(value, pass, own, depth + 1)]
  const whole = cleanValue(value, { ...pass, classify: wholly(pass.classify) }, own, depth + 1)
  if (fieldClass === 'joinable') return [name, pass.hashValue(typeof value === 'string' ? value : canonicalJson(whole))]
  addText(pass.size, own)
  pass.personal.set(own, whole)
  return [name, SEALED_MARK]
}

/** Inside of a value that is hashed or sealed as a whole, only secrets are treated by themselves. */
function wholly(classify: ClassifyField): ClassifyField {
  return (name, value) => {
    const fieldClass = classify(name, value)
    return fieldClass === 'personal' || fieldClass === 'joinable' ? 'public' : fieldClass
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
