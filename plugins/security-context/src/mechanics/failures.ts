/** The `code` of an error, matched instead of its class: that may be of another copy of a package, or a driver's. */
export function errorCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null
}

/**
 * Whether a database refuses the data itself, which no further attempt makes acceptable.
 * @see PostgreSQL, appendix A: the classes 22 (data), 23 (constraints) and 54 (limits, such as that of an index)
 */
export function isRefusedData(error: unknown): boolean {
  return /^(?:2[23]|54)/.test(errorCode(error) ?? '')
}

/** The HTTP status that an error brings, `null` when it brings none. */
export function errorStatus(error: unknown): number | null {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : null
}

/** The text of an error with the text of what caused it, for a log; a caller is never told either. */
export function messageWithCause(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
