/**
 * The text under which a value is compared, the same in JavaScript and in PostgreSQL (`column::text`): strings, safe
 * integers, bigints and booleans. So an `int8` column, which the driver reads as a string, equals the number in a
 * policy.
 * @returns `null` for everything without such a text, which equals nothing. That includes strings that PostgreSQL
 * cannot store (NUL) or would change (lone surrogates): they could match a row that they do not equal.
 */
export function comparableText(value: unknown): string | null {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed() && !value.includes('\0') ? value : null
    case 'number':
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? String(value) : null
    case 'bigint':
      return String(value)
    case 'boolean':
      return String(value)
    default:
      return null
  }
}
