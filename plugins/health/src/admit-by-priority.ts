import { monitorEventLoopDelay } from 'node:perf_hooks'
import { offerMeasurements } from '@sallyport/security-context'
import { scheduleByTimer, type Schedule, startTimer, type StartTimer } from '@sallyport/security-context/mechanics'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { OverloadedError } from './errors.ts'

/**
 * What a request is worth while not everything can be served. Probes are on a listener of their own and never shed; the
 * first here is shed last.
 */
export type RequestPriority = 'login' | 'read' | 'write'

/** When requests are shed; what is left out limits nothing. */
export interface AdmissionLimits {
  /** Requests under way at a time. */
  readonly maxPending?: number
  /** Mean delay of the event loop in the last tenth of a second, in ms, from which on writes are shed. */
  readonly maxEventLoopDelayMs?: number
}

/** What decides about requests; a test passes its own meter and schedule. */
export interface AdmissionOptions {
  /** Asked for each request, because they can change; `null` while there are none. */
  readonly limits: () => AdmissionLimits | null
  /** Default: `read` for GET, HEAD and OPTIONS, `write` for all others. */
  readonly priorityOf?: (request: FastifyRequest) => RequestPriority
  /** Mean delay of the event loop since the last call, in ms. */
  readonly readDelayMs?: () => number
  readonly schedule?: Schedule
  readonly startTimer?: StartTimer
}

/** Which part of the places a priority may take, and how many times the delay it is served. */
const SHARES: Readonly<Record<RequestPriority, { readonly places: number; readonly delays: number }>> = {
  login: { places: 1, delays: 4 },
  read: { places: 0.9, delays: 2 },
  write: { places: 0.7, delays: 1 }
}
const SAMPLE_MS = 100
const RETRY_AFTER_SECONDS = 2
/**
 * How long a refusal is held back, in ms: a caller that asks again as soon as it is answered costs a refusal each time,
 * and a few hundred of them would take all of the process.
 */
const HELD_MS = 500
/** Refusals that are held back at a time; further ones leave at once. */
const MOST_HELD = 1000
/** Samples without a shed request after which an overload is over. */
const QUIET_SAMPLES = 10

/**
 * Sheds what is worth less before what is worth more suffers: 503 with `Retry-After`, half a second later. Requests
 * under way are counted from their arrival to the end of their answer. Without limits a request pays for one call.
 * Register it before what authenticates.
 */
export const admitByPriority = fastifyPlugin(
  async function admitByPriority(fastify: FastifyInstance, options: AdmissionOptions) {
    const { limits, priorityOf = priorityOfMethod, schedule = scheduleByTimer, startTimer: hold = startTimer } = options
    const readDelayMs = options.readDelayMs ?? eventLoopDelays(fastify)
    const { message: title, statusCode: status = 503, code } = new OverloadedError()
    const problem = Object.freeze({ type: 'about:blank', title, status, code })
    const shed: Record<RequestPriority, number> = { login: 0, read: 0, write: 0 }
    const episode = { shed: 0, quiet: QUIET_SAMPLES }
    let pending = 0
    let held = 0
    let delayMs = 0

    function leave(): void {
      pending--
    }

    function isShed(priority: RequestPriority, { maxPending, maxEventLoopDelayMs }: AdmissionLimits): boolean {
      const { places, delays } = SHARES[priority]
      return (
        (maxPending !== undefined && pending >= Math.max(1, Math.floor(maxPending * places))) ||
        (maxEventLoopDelayMs !== undefined && delayMs > maxEventLoopDelayMs * delays)
      )
    }

    function refuse(request: FastifyRequest, reply: FastifyReply): void {
      const send = (): void => {
        void reply.code(status).header('retry-after', String(RETRY_AFTER_SECONDS)).type('application/problem+json')
        void reply.send({ ...problem, requestId: request.id })
      }
      if (held >= MOST_HELD) return send()
      held++
      hold(() => {
        held--
        if (!reply.raw.destroyed) send()
      }, HELD_MS)
    }

    function admit(request: FastifyRequest, reply: FastifyReply, next: () => void): void {
      const current = limits()
      if (current === null) return next()
      // What is good enough for the least is good enough for all.
      if (isShed('write', current)) {
        const priority = priorityOf(request)
        if (isShed(priority, current)) {
          shed[priority]++
          episode.shed++
          return refuse(request, reply)
        }
      }
      pending++
      reply.raw.once('close', leave)
      next()
    }

    async function sample(): Promise<void> {
      delayMs = readDelayMs()
      if (episode.shed > 0) {
        if (episode.quiet >= QUIET_SAMPLES) fastify.log.warn({ pending, delayMs }, 'overloaded: requests are shed')
        episode.quiet = 0
        episode.shed = 0
      } else if (episode.quiet < QUIET_SAMPLES && ++episode.quiet === QUIET_SAMPLES) {
        fastify.log.info({ shed: { ...shed } }, 'no longer overloaded')
      }
    }

    const sampling = schedule(sample, SAMPLE_MS)
    fastify.addHook('onRequest', admit)
    fastify.addHook('onClose', async function stopSampling() {
      sampling.stop()
    })
    offerMeasurements(fastify, [
      {
        name: 'sallyport_requests_shed_by_priority_total',
        help: 'Requests that were answered with 503 because others are worth more',
        kind: 'counter',
        labels: ['priority'],
        read: () => Object.entries(shed).map(([priority, value]) => ({ labels: { priority }, value }))
      },
      {
        name: 'sallyport_requests_admitted_pending',
        help: 'Requests under way that were admitted; 0 while there are no limits',
        kind: 'gauge',
        read: () => pending
      }
    ])
  },
  { name: '@sallyport/admit-by-priority', fastify: '5.x' }
)

function priorityOfMethod({ method }: FastifyRequest): RequestPriority {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' ? 'read' : 'write'
}

/** What the event loop was late since the last reading; the resolution of the histogram is not a delay. */
function eventLoopDelays(fastify: FastifyInstance): () => number {
  const resolution = 10
  const histogram = monitorEventLoopDelay({ resolution })
  histogram.enable()
  fastify.addHook('onClose', async function stopMeasuring() {
    histogram.disable()
  })
  return () => {
    const { mean } = histogram
    histogram.reset()
    return Number.isNaN(mean) ? 0 : Math.max(0, mean / 1e6 - resolution)
  }
}
