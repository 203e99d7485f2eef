import { NotDiscoveredError } from './errors.ts'
import { readOpenDiscoveryOptions, type OpenDiscoveryOptions } from './options.ts'

/** Something that is found once, and then kept. */
export interface Discovery<Found> {
  /** What was found, `null` until then. */
  readonly found: () => Found | null
  /**
   * What was found. Rejects with `SALLYPORT_PROCESS_NOT_DISCOVERED` (503, `Retry-After`) until then, with the last
   * failure as its cause: a request does not wait for another process to start.
   */
  readonly get: () => Promise<Found>
  /** A readiness check: rejects like `get`. */
  readonly ready: () => Promise<void>
  /** Settles with the first attempt. Rejects with its failure unless that may go away by itself. */
  readonly attempted: Promise<void>
  readonly close: () => void
}

/**
 * Tries until it succeeds: processes of a deployment start in any order, and none waits for another one before it
 * listens. One attempt at a time; the next begins `pauseMs` after the end of the last.
 */
export function openDiscovery<Found>(given: OpenDiscoveryOptions<Found>): Discovery<Found> {
  const { name, log, schedule, pauseMs } = readOpenDiscoveryOptions(given)
  const { attempt } = given
  let found: { readonly value: Found } | null = null
  let failure: unknown = null
  let told = ''
  let attempts = 0

  async function tryOnce(): Promise<void> {
    attempts++
    try {
      found = { value: await attempt() }
      timer.stop()
      if (told !== '') log?.info({ attempts }, `${name}: found`)
    } catch (error) {
      failure = error
      const reason = failureText(error)
      const detail = { err: error, attempts }
      if (reason !== told) log?.warn(detail, `${name}: not found yet, tried again after ${pauseMs} ms`)
      told = reason
    }
  }

  async function get(): Promise<Found> {
    if (found === null) throw Object.assign(new NotDiscoveredError(), { cause: failure })
    return found.value
  }

  const timer = schedule(async () => {
    if (found === null) await tryOnce()
  }, pauseMs)
  return {
    found: () => (found === null ? null : found.value),
    get,
    ready: async () => {
      await get()
    },
    attempted: tryOnce().then(() => {
      if (found === null && !mayGoAway(failure)) throw failure
    }),
    close: () => {
      timer.stop()
    }
  }
}

/**
 * Whether a failure is an outage and not a mistake: an error with status 503, or one of the network, which has a
 * `syscall`.
 */
function mayGoAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return ('statusCode' in error && error.statusCode === 503) || 'syscall' in error
}

function failureText(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause instanceof Error ? error.cause.message : ''
  return `${error.message} ${cause}`
}
