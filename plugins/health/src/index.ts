import '@sallyport/security-context/require-node'
import { headHook, offerMeasurements } from '@sallyport/security-context'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { healthMeasurements } from './measure-health.ts'
import { createOperations, listenForOperators } from './probe-listener.ts'
import { createReadiness, type HealthReport, type ProcessState } from './process-readiness.ts'
import { createCheckRunner } from './run-checks.ts'
import { readHealthOptions, type HealthOptions, type PressureHandler } from './options.ts'
import { shedLoad } from './shed-load.ts'

export type { HealthReport } from './process-readiness.ts'
export type { HealthOptions, OperationsListener, PressureHandler, PressureOptions } from './options.ts'
export {
  admitByPriority,
  type AdmissionLimits,
  type AdmissionOptions,
  type RequestPriority
} from './admit-by-priority.ts'
export { openPressureMeter, type Pressure, type PressureMeter } from './pressure-meter.ts'
export * as errors from './errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * The operations server, without authentication: other plugins add routes for operators (`/metrics`) to it. With a
     * listener it listens from the main instance's onReady to its onClose; `operations.listeningOrigin` is its URL.
     */
    operations: FastifyInstance
    /**
     * Makes readiness fail while requests are still served, and lets each response close its connection: call it when
     * the signal to stop arrives, then `close()` when the load balancer has had time to notice.
     */
    startDrain: () => void
    /**
     * Runs the checks as a readiness probe does, and says how each of them went and how long it took: for operators
     * whom the app has authorized, never for strangers.
     */
    healthReport: () => Promise<HealthReport>
  }
  interface FastifyContextConfig {
    /** Decides for this route what happens above a threshold, instead of 503. */
    pressureHandler?: PressureHandler
  }
}

/**
 * Liveness, readiness and startup probes on a listener of their own, and load shedding on the main one.
 * @throws {HealthOptionsError} `SALLYPORT_HEALTH_OPTIONS_INVALID`, from `register`
 * @throws {OperationsListenerError} `SALLYPORT_HEALTH_LISTENER`, from `ready()` or `listen()`
 */
async function health(fastify: FastifyInstance, given: HealthOptions): Promise<void> {
  const options = readHealthOptions(given)
  const state: ProcessState = { started: false, draining: false }
  const startDrain = (): void => {
    state.draining = true
  }
  const log = fastify.log.child({ listener: 'operations' })
  const readiness = createReadiness(createCheckRunner(options.checks, options.checkTimeoutMs), state, log)
  const operations = createOperations(options, state, readiness, log)

  fastify.decorate('operations', operations)
  fastify.decorate('startDrain', startDrain)
  fastify.decorate('healthReport', readiness.report)
  const shedding = options.pressure === undefined ? null : await shedLoad(fastify, options.pressure)
  offerMeasurements(fastify, healthMeasurements(readiness, shedding))

  fastify.addHook('onReady', async function openOperations() {
    await listenForOperators(operations, options)
  })
  fastify.addHook('onListen', function markStarted(next) {
    state.started = true
    next()
  })
  fastify.addHook('preClose', function failReadiness(next) {
    startDrain()
    next()
  })
  function closeDrainedConnection(
    request: FastifyRequest,
    reply: FastifyReply,
    _payload: unknown,
    next: () => void
  ): void {
    // HTTP/2 forbids this header. @see RFC 9113 §8.2.2
    if (state.draining && request.raw.httpVersionMajor === 1) void reply.header('connection', 'close')
    next()
  }
  fastify.addHook('onSend', headHook(closeDrainedConnection))
  // Runs when the main server has finished its requests, so probes are answered until then.
  fastify.addHook('onClose', async function closeOperations() {
    await operations.close()
  })
}

export default fastifyPlugin(health, { name: '@sallyport/health', fastify: '5.x' })
