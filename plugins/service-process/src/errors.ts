import { retryAfter } from '@sallyport/security-context/mechanics'
import createError from '@fastify/error'

/**
 * Boot: the database URL would show its traffic or its password to the network, or cannot be read; the message says
 * why, without the URL.
 */
export const DatabaseUrlError = createError('SALLYPORT_PROCESS_DATABASE_URL_INVALID', 'databaseUrl %s', 500)

const RETRY_AFTER = retryAfter()

const NotReadyError = createError<[]>('SALLYPORT_PROCESS_NOT_DISCOVERED', 'The service is not ready yet', 503)

/** Request: what it needs of another process was not found yet; this process is not ready and goes on looking. */
export class NotDiscoveredError extends NotReadyError {
  readonly headers = RETRY_AFTER
}

/** A reload was refused by one of those it concerns: nothing was changed; the message has every reason. */
export const ReloadRefusedError = createError('SALLYPORT_PROCESS_RELOAD_REFUSED', 'Nothing was changed: %s', 500)

/** A reload failed while it was applied, and what had been applied was taken back; the message has every reason. */
export const ReloadFailedError = createError('SALLYPORT_PROCESS_RELOAD_FAILED', 'The change was taken back: %s', 500)

/** Request: came on a connection that was still open after the listener had been closed. */
export const ClosingError = createError(
  'SALLYPORT_PROCESS_CLOSING',
  'The service is closing; send the request again',
  503
)
