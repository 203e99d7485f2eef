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
  if (typeof value === 'string') return stringText(value)
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? listText(value) : objectText(value)
  if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError('not a JSON number')
  const text: string | undefined = JSON.stringify(value)
  if (text === undefined) throw new TypeError('not a JSON value')
  return text
}

/** Nothing that JSON escapes. */
const PLAIN_STRING = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/

function stringText(value: string): string {
  return PLAIN_STRING.test(value) ? `"${value}"` : JSON.stringify(value)
}

function listText(list: readonly unknown[]): string {
  return `[${list.map(canonicalJson).join(',')}]`
}

function objectText(value: object): string {
  const members: Readonly<Record<string, unknown>> = { ...value }
  let text = ''
  // Sorted as it is, by UTF-16 code units.
  for (const name of Object.keys(members).sort()) {
    text += `${text === '' ? '' : ','}${stringText(name)}:${canonicalJson(members[name] ?? null)}`
  }
  return `{${text}}`
}
