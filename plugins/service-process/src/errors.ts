import { retryAfter } from '@sallyport/security-context/mechanics'
import createError from '@fastify/error'

/** Boot: options of tracing or of a discovery are not valid; the message names every mistake. */
export const ProcessOptionsError = createError(
  'SALLYPORT_PROCESS_OPTIONS_INVALID',
  'Options of @sallyport/service-process: %s',
  500
)

/**
 * Boot: the database URL would expose its traffic or its password to the network, or cannot be read; the message says
 * why, without the URL.
 */
export const DatabaseUrlError = createError('SALLYPORT_PROCESS_DATABASE_URL_INVALID', 'databaseUrl %s', 500)

const NOT_DISCOVERED_HEADERS = retryAfter()

const NotReadyError = createError<[]>('SALLYPORT_PROCESS_NOT_DISCOVERED', 'The service is not ready yet', 503)

/**
 * Request: it needs something of another process that is not found yet; this process is not ready, and keeps looking.
 */
export class NotDiscoveredError extends NotReadyError {
  readonly headers = NOT_DISCOVERED_HEADERS
}

/** A subscriber refused a reload, and nothing has changed; the message has every reason. */
export const ReloadRefusedError = createError('SALLYPORT_PROCESS_RELOAD_REFUSED', 'Nothing was changed: %s', 500)

/** A subscriber failed to apply a reload, and what was applied has been undone; the message has every reason. */
export const ReloadFailedError = createError('SALLYPORT_PROCESS_RELOAD_FAILED', 'The change was undone: %s', 500)

/** Settings that are new cannot change while the process runs, and nothing has changed; the message names them. */
export const SettingsNotLiveError = createError(
  'SALLYPORT_PROCESS_SETTINGS_NOT_LIVE',
  'These settings change with a restart only: %s',
  500
)

/** Request: arrived on a connection that was still open after the listener had closed. */
export const ClosingError = createError(
  'SALLYPORT_PROCESS_CLOSING',
  'The service is closing; send the request again',
  503
)

/** Boot: a worker ended before it was ready; the message is what it said. */
export const WorkerEndedError = createError('SALLYPORT_PROCESS_WORKER_ENDED', '%s', 500)

/** Request: what all workers share is kept by their supervisor, which does not answer. */
export const WorkersUnavailableError = createError(
  'SALLYPORT_PROCESS_WORKERS_UNAVAILABLE',
  'The service is not available, try again',
  503
)
