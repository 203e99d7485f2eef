import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { CallerLeftError, DeadlinePassedError } from './errors.ts'
import type { MonotonicClock } from './mechanics/clock.ts'

/**
 * The field in which a hop tells the next one how long it waits for the answer, in whole ms from the moment of sending.
 * A duration and no time of day, because the clocks of two machines differ. It can only shorten what a service takes
 * upon itself, so anybody may state it.
 */
export const TIMEOUT_HEADER = 'sallyport-timeout-ms'

const TIMEOUT_FORM = /^\d{1,9}$/

/** How long the answer to a request is of use, and whether somebody still waits for it. */
export interface RequestDeadline {
  /** What is left of the time that the caller gives, in ms, never below 0; `null` when it states none. */
  readonly remainingMs: () => number | null
  /** Aborts when the caller leaves, with `SALLYPORT_CONTEXT_CALLER_LEFT`. Made at the first use. */
  readonly signal: AbortSignal
}

/** Options of {@link requestDeadlines}. */
export interface RequestDeadlineOptions {
  /** In ms. Default: `performance.now`. */
  readonly clock?: MonotonicClock
}

/** The time that a caller states in {@link TIMEOUT_HEADER}, in ms; `null` for none, or what is no whole number. */
export function statedTimeoutMs({ headers }: Pick<FastifyRequest, 'headers'>): number | null {
  const stated = headers[TIMEOUT_HEADER]
  return typeof stated === 'string' && TIMEOUT_FORM.test(stated) ? Number(stated) : null
}

/**
 * Adds `request.deadline`, which calls of other services keep to. A request whose time is over when its handler would
 * begin is 504 `SALLYPORT_CONTEXT_DEADLINE_PASSED`: nobody waits for the answer. Register it early, because the time
 * counts from its hook.
 */
export const requestDeadlines = fastifyPlugin(
  function requestDeadlines(fastify: FastifyInstance, options: RequestDeadlineOptions, done: () => void) {
    const clock = options.clock ?? (() => performance.now())
    fastify.decorateRequest('deadline', null)
    fastify.addHook('onRequest', function openDeadline(request, reply, next) {
      request.deadline = new StatedDeadline(statedTimeoutMs(request), reply.raw, clock)
      next()
    })
    fastify.addHook('preHandler', function refuseLateRequest({ deadline }, _reply, next) {
      if (deadline?.remainingMs() === 0) next(new DeadlinePassedError())
      else next()
    })
    done()
  },
  { name: '@sallyport/request-deadlines', fastify: '5.x' }
)

/** What one caller said, counted from the arrival of its request. */
class StatedDeadline implements RequestDeadline {
  readonly #clock: MonotonicClock
  readonly #atMs: number | null
  readonly #answer: FastifyReply['raw']
  #signal: AbortSignal | null = null

  constructor(statedMs: number | null, answer: FastifyReply['raw'], clock: MonotonicClock) {
    this.#clock = clock
    this.#atMs = statedMs === null ? null : clock() + statedMs
    this.#answer = answer
  }

  remainingMs(): number | null {
    return this.#atMs === null ? null : Math.max(0, this.#atMs - this.#clock())
  }

  get signal(): AbortSignal {
    this.#signal ??= signalOfLeaving(this.#answer)
    return this.#signal
  }
}

/** An answer that closes before it was sent as a whole has lost its caller. */
function signalOfLeaving(answer: FastifyReply['raw']): AbortSignal {
  const controller = new AbortController()
  const leave = (): void => {
    if (!answer.writableFinished) controller.abort(new CallerLeftError())
  }
  if (answer.closed) leave()
  else answer.once('close', leave)
  return controller.signal
}
