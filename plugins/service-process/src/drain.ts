import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { Connections } from './connections.ts'

/** How long each step of the end may take. */
export interface DrainTimes {
  /**
   * How long requests are still served after readiness fails, so that a load balancer notices before the listener
   * closes; in ms. Default 5000.
   */
  readonly drainDelayMs?: number | undefined
  /** How long requests under way may take after that, in ms. Default: {@link closeTimeoutFor} 10 s. */
  readonly closeTimeoutMs?: number | undefined
  /** How long collaborators may take to close when no request is left, in ms. Default 5000. */
  readonly releaseTimeoutMs?: number | undefined
}

/**
 * The result of an end: `complete`; `cut` when answers were cut in the middle; `stuck` when something did not close.
 */
export type DrainOutcome = 'complete' | 'cut' | 'stuck'

const CLOSE_MARGIN_MS = 2000

/**
 * How long requests under way may take: the longest wait of one of them, and a margin for its answer.
 * @param longestUpstreamMs longest time limit of a call to another service, in ms
 */
export function closeTimeoutFor(longestUpstreamMs: number): number {
  return longestUpstreamMs + CLOSE_MARGIN_MS
}

/** {@link DrainTimes} with every default filled in. */
export interface DrainLimits {
  readonly drainDelayMs: number
  readonly closeTimeoutMs: number
  readonly releaseTimeoutMs: number
}

/** Fills in the defaults. */
export function drainLimits({
  drainDelayMs = 5000,
  closeTimeoutMs = closeTimeoutFor(10_000),
  releaseTimeoutMs = 5000
}: DrainTimes): DrainLimits {
  return { drainDelayMs, closeTimeoutMs, releaseTimeoutMs }
}

/**
 * Ends an app without a lost request behind a load balancer. Readiness fails; during the delay everything is served,
 * and each answer ends its connection; then the listener closes and connections without a request end; requests under
 * way get their time; what is left is cut.
 * @param skipDelay aborted to end the delay early
 * @param release closes the collaborators, after the app is closed
 * @param isReplaced whether other workers take new connections meanwhile: then none is taken here from the start
 */
export async function drain(
  app: FastifyInstance,
  connections: Connections,
  times: DrainLimits,
  skipDelay: AbortSignal,
  release: () => Promise<void>,
  isReplaced = false
): Promise<DrainOutcome> {
  failReadiness(app)
  if (isReplaced) connections.stopAccepting()
  connections.closeAfterAnswer()
  await waitUnless(skipDelay, times.drainDelayMs)
  const silent = connections.refuse()
  if (silent > 0) app.log.debug({ connections: silent }, 'connections without a request ended')
  const closed = app
    .close()
    .then(release)
    .then(() => 'closed' as const)
  if ((await resultWithin(closed, times.closeTimeoutMs)) === 'closed') return 'complete'
  const requests = connections.destroy()
  if (requests > 0) {
    app.log.warn(
      { requests },
      `cut requests that were under way for ${times.closeTimeoutMs} ms after the listener closed`
    )
  }
  if ((await resultWithin(closed, times.releaseTimeoutMs)) === undefined) return 'stuck'
  return requests > 0 ? 'cut' : 'complete'
}

/** The health plugin decorates `startDrain`; an app without readiness has nothing to fail. */
function failReadiness(app: FastifyInstance): void {
  if ('startDrain' in app && typeof app.startDrain === 'function') app.startDrain()
}

async function waitUnless(skip: AbortSignal, ms: number): Promise<void> {
  if (ms > 0) await delay(ms, undefined, { signal: skip }).catch(() => {})
}

async function resultWithin<Result>(work: Promise<Result>, ms: number): Promise<Result | undefined> {
  const stop = new AbortController()
  try {
    return await Promise.race([work, delay(ms, undefined, { signal: stop.signal })])
  } finally {
    stop.abort()
  }
}
