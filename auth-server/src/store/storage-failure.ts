/** Classes of SQLSTATE that say nothing about the request: connection, resources, operator, system, read-only, serialisation. */
const PASSING_STATES = /^(08|25006|40|53|57|58|XX)/
const NETWORK_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOENT', 'EHOSTUNREACH', 'ENOTFOUND', 'EAI_AGAIN'])

/**
 * Whether an error means that the database gave no answer, or none that counts; the request can be repeated.
 * @see PostgreSQL documentation, Appendix A "PostgreSQL Error Codes"
 */
export function isStorageFailure (error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error.name === 'KnexTimeoutError' || /^(Connection terminated|timeout exceeded|Unable to acquire a connection|Client has encountered a connection error)/.test(error.message)) return true
  if (error instanceof AggregateError) return error.errors.some(isStorageFailure)
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return NETWORK_CODES.has(code) || PASSING_STATES.test(code)
}
