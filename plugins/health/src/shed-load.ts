import { effectiveRoute } from '@sallyport/security-context'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { OverloadedError } from './errors.ts'
import type { PressureThresholds, ReadPressureOptions } from './options.ts'
import { openPressureMeter, type Pressure } from './pressure-meter.ts'

/** A threshold that is exceeded, and what was measured. */
interface Excess {
  readonly type: keyof Pressure
  readonly value: number
}

/** What load shedding has measured and done. */
export interface LoadShedding {
  /** The last measurement. */
  readonly measured: () => Pressure
  /** Requests answered with 503 since the start, by the threshold that was exceeded. */
  readonly shedByThreshold: () => ReadonlyMap<keyof Pressure, number>
}

/**
 * Sheds requests while a threshold is exceeded: 503 with `Retry-After`, or what the route's `pressureHandler` decides.
 * Load is measured once per interval, so a request costs one comparison.
 */
export async function shedLoad(fastify: FastifyInstance, pressure: ReadPressureOptions): Promise<LoadShedding> {
  const { schedule, sampleIntervalMs } = pressure
  const meter = pressure.meter ?? (await openPressureMeter(fastify, sampleIntervalMs))
  const { message: title, statusCode: status = 503, code } = new OverloadedError()
  const problem = Object.freeze({ type: 'about:blank', title, status, code })
  const retryAfter = String(pressure.retryAfterSeconds)
  let excess: Excess | null = null
  const shedByThreshold = new Map<keyof Pressure, number>()
  let shed = 0

  async function sample(): Promise<void> {
    const measured = meter.read()
    const passed = thresholdsIn(pressure.thresholds?.() ?? pressure).find(([type, limit]) => measured[type] > limit)
    const before = excess
    excess = passed === undefined ? null : { type: passed[0], value: measured[passed[0]] }
    if (excess !== null && before === null) fastify.log.warn({ ...excess }, 'overloaded: requests are shed')
    if (excess === null && before !== null) fastify.log.info({ shed }, 'no longer overloaded')
    if (excess === null) shed = 0
  }

  function refuseWhenOverloaded(request: FastifyRequest, reply: FastifyReply, next: (error?: Error) => void): void {
    if (excess === null) {
      next()
      return
    }
    const { pressureHandler } = effectiveRoute(request).config
    if (pressureHandler === undefined) {
      shed++
      shedByThreshold.set(excess.type, (shedByThreshold.get(excess.type) ?? 0) + 1)
      // Not an error: logging a stack for each of them would add to the load. @see RFC 9457
      void reply.code(status).header('retry-after', retryAfter).type('application/problem+json')
      void reply.send({ ...problem, requestId: request.id })
      return
    }
    Promise.resolve(pressureHandler(request, reply, excess.type, excess.value))
      .then(payload => {
        if (payload === undefined) next()
        else void reply.send(payload)
      })
      .catch(next)
  }

  const timer = schedule(sample, sampleIntervalMs)
  fastify.addHook('onRequest', refuseWhenOverloaded)
  fastify.addHook('onClose', async function stopSampling() {
    timer.stop()
  })
  return { measured: () => meter.read(), shedByThreshold: () => shedByThreshold }
}

function thresholdsIn(options: PressureThresholds): ReadonlyArray<readonly [keyof Pressure, number]> {
  const limits = {
    eventLoopDelay: options.maxEventLoopDelayMs,
    heapUsedBytes: options.maxHeapUsedBytes,
    rssBytes: options.maxRssBytes,
    eventLoopUtilization: options.maxEventLoopUtilization
  }
  return (['eventLoopDelay', 'heapUsedBytes', 'rssBytes', 'eventLoopUtilization'] as const).flatMap(type => {
    const limit = limits[type]
    return limit === undefined ? [] : [[type, limit] as const]
  })
}
