import type { FastifyError } from '@fastify/error'
import { StorageUnavailableError } from './errors.ts'
import { errorCode } from './mechanics/failures.ts'
import { withRetryAfter } from './mechanics/retry-after.ts'

/** An outage as it is answered; the driver's error is its cause. */
export type StorageOutage = FastifyError & { readonly headers: Readonly<Record<string, string>> }

/**
 * SQLSTATEs by which a server says that it cannot answer now: connection (08), a standby (25006), an idle transaction
 * ended (25P03), authorization of the connection (28), no such database (3D), conflicts between transactions (40),
 * resources (53), locks (55), shutdown and cancelled statements (57), its own system (58, F0, XX). All others are about
 * the statement, and repeating it changes nothing.
 */
const ABOUT_THE_SERVER = /^(?:08|25006|25P03|28|3D|40|53|55|57|58|F0|XX)/
/** The driver and the pool give these no code; knex puts the statement before them. */
const DRIVER_LOST_IT = [
  'Connection terminated',
  'Connection ended',
  'timeout exceeded',
  'timeout expired',
  'Query read timeout',
  'Unable to acquire a connection',
  'Client has encountered a connection error',
  'Client was closed',
  'The server does not support SSL connections',
  'There was an error establishing an SSL connection'
]
const NETWORK_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN'
])
/** Beginnings of the codes by which Node says that a certificate does not prove the server. */
const UNTRUSTED_CODES = [
  'CERT_',
  'ERR_TLS_',
  'ERR_SSL_',
  'DEPTH_ZERO_SELF_SIGNED',
  'SELF_SIGNED_',
  'UNABLE_TO_',
  'HOSTNAME_MISMATCH',
  'INVALID_CA'
]

/** How long a client waits before it asks again, in seconds. */
export const STORAGE_RETRY_AFTER_SECONDS = 5

/**
 * Whether an error means that the database gave no answer, or none that counts; the request can be repeated. An error
 * that somebody has given a status already is not asked again.
 * @see PostgreSQL documentation, Appendix A "PostgreSQL Error Codes"
 */
export function isStorageOutage(error: unknown): boolean {
  if (!(error instanceof Error) || 'statusCode' in error) return false
  // Node.js tries each address of a name and says what became of all.
  if (error instanceof AggregateError) return error.errors.some(isStorageOutage)
  const code = errorCode(error) ?? ''
  if ('severity' in error) return ABOUT_THE_SERVER.test(code)
  // Whatever kept the connection from being made: no socket file, no port or descriptor left.
  if ('syscall' in error && error.syscall === 'connect') return true
  if (UNTRUSTED_CODES.some(beginning => code.startsWith(beginning))) return true
  return NETWORK_CODES.has(code) || error.name === 'KnexTimeoutError' || isLostByDriver(error)
}

function isLostByDriver({ message }: Error): boolean {
  return DRIVER_LOST_IT.some(text => message.startsWith(text) || message.includes(` - ${text}`))
}

/**
 * What is answered when storage gave no answer: 503 with `Retry-After`; `null` for any other error, which stays what it
 * is.
 * @param error as the driver, the pool or the socket gave it; becomes the cause
 */
export function storageOutage(error: unknown): StorageOutage | null {
  if (!isStorageOutage(error)) return null
  return withRetryAfter(new StorageUnavailableError({ cause: error }), STORAGE_RETRY_AFTER_SECONDS)
}
