import { CursorInvalidError } from './errors.ts'

/** The end of a page, in the columns that the list is ordered by. */
export interface CursorPosition {
  /** RFC 3339 in UTC, with microseconds. */
  readonly createdAt: string
  readonly id: string
}

const CURSOR_INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/
const CURSOR_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** A position as text for a URL: opaque to clients, and not a proof of anything. */
export function cursorText({ createdAt, id }: CursorPosition): string {
  return Buffer.from(JSON.stringify([createdAt, id])).toString('base64url')
}

/**
 * The position in a cursor. A position has exactly one text.
 * @throws `SALLYPORT_SERVICE_CURSOR_INVALID`
 */
export function cursorPosition(cursor: string): CursorPosition {
  const parts = parseCursorJson(cursor)
  if (!Array.isArray(parts)) throw new CursorInvalidError()
  const [createdAt, id]: unknown[] = parts
  if (typeof createdAt !== 'string' || !isInstant(createdAt)) throw new CursorInvalidError()
  if (typeof id !== 'string' || !CURSOR_ID.test(id)) throw new CursorInvalidError()
  const position = { createdAt, id }
  if (cursorText(position) !== cursor) throw new CursorInvalidError()
  return position
}

function parseCursorJson(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch {
    return undefined
  }
}

/** A day that exists, in a year that PostgreSQL supports. */
function isInstant(text: string): boolean {
  const date = new Date(CURSOR_INSTANT.test(text) && !text.startsWith('0000') ? text : Number.NaN)
  return !Number.isNaN(date.getTime()) && date.toISOString().slice(0, 19) === text.slice(0, 19)
}
