/** A value that JSON can carry. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [name: string]: JsonValue }

/**
 * The one encoding of a JSON value: members sorted by UTF-16 code units, no white space, numbers and strings as
 * ECMAScript writes them. Two different values never have the same text, so that moving characters from one field to
 * the next changes a hash over it.
 * @param value of JSON: what was parsed from it, or a {@link JsonValue}
 * @throws {TypeError} for what JSON has no text for
 * @see RFC 8785 §3.2
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    const members = new Map<string, unknown>(Object.entries(value))
    const texts = [...members.keys()]
      .sort()
      .map(name => `${JSON.stringify(name)}:${canonicalJson(members.get(name) ?? null)}`)
    return `{${texts.join(',')}}`
  }
  if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError('not a JSON number')
  const text: string | undefined = JSON.stringify(value)
  if (text === undefined) throw new TypeError('not a JSON value')
  return text
}
