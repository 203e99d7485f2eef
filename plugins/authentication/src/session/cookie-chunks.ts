import { CookieTooLargeError } from '../errors.ts'

/**
 * Browsers keep a cookie whose name and value have at most so many bytes together. @see draft-ietf-httpbis-rfc6265bis
 */
const MAX_COOKIE_BYTES = 4096
/** More would not fit into the header that Node accepts. */
const MAX_CHUNKS = 4

/** A cookie as it is written. */
export interface NamedValue {
  readonly name: string
  readonly value: string
}

/**
 * Writes a value as one cookie, or as `name.0` … `name.3` when it is too large for one.
 * @param value ASCII
 * @throws {CookieTooLargeError} `SALLYPORT_AUTHENTICATION_COOKIE_TOO_LARGE`
 */
export function splitCookie(name: string, value: string): readonly NamedValue[] {
  if (name.length + value.length <= MAX_COOKIE_BYTES) return [{ name, value }]
  const size = MAX_COOKIE_BYTES - name.length - 2
  const count = Math.ceil(value.length / size)
  if (count > MAX_CHUNKS) throw new CookieTooLargeError(name, value.length, size * MAX_CHUNKS)
  return Array.from({ length: count }, (_, index) => ({
    name: `${name}.${index}`,
    value: value.slice(index * size, (index + 1) * size)
  }))
}

/** Every name under which a cookie may come. */
export function chunkNames(name: string): readonly string[] {
  return [name, ...Array.from({ length: MAX_CHUNKS }, (_, index) => `${name}.${index}`)]
}

/**
 * Puts a cookie together again.
 * @param parts what was sent under each of {@link chunkNames}, in their order
 * @returns `null` when it was not sent, `undefined` when its parts do not make one (a gap, or both forms at once)
 */
export function joinCookie([whole, ...chunks]: ReadonlyArray<string | undefined>): string | null | undefined {
  const count = chunks.findIndex(chunk => chunk === undefined)
  const present = count === -1 ? chunks : chunks.slice(0, count)
  if (chunks.slice(present.length).some(chunk => chunk !== undefined)) return undefined
  if (present.length === 0) return whole ?? null
  return whole === undefined ? present.join('') : undefined
}
