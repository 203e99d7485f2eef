/** Classes of SQLSTATE that are about the statement itself: data, integrity, syntax. All others are about the server's state. */
const ABOUT_THE_STATEMENT = /^(22|23|42)/
/** The driver and the pool give these no code. */
const DRIVER_LOST_IT = /(?:^| - )(Connection (terminated|ended)|timeout exceeded|Unable to acquire a connection|Client (has encountered a connection error|was closed))/
const NETWORK_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOENT', 'EHOSTUNREACH', 'ENOTFOUND', 'EAI_AGAIN'])

/**
 * Whether an error means that the database gave no answer, or none that counts; the request can be repeated.
 * @see PostgreSQL documentation, Appendix A "PostgreSQL Error Codes"
 */
export function isStorageFailure (error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof AggregateError) return error.errors.some(isStorageFailure)
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if ('severity' in error) return !ABOUT_THE_STATEMENT.test(code)
  return NETWORK_CODES.has(code) || error.name === 'KnexTimeoutError' || DRIVER_LOST_IT.test(error.message)
}
