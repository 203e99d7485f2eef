import '@sallyport/security-context/require-node'
import client, { Counter, Registry } from '@prometheus-io/client'
import { effectiveRoute, measurementsOf, securityEventsOf } from '@sallyport/security-context'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fastifyMetrics from 'fastify-metrics'
import fastifyPlugin from 'fastify-plugin'
import { showClockTolerance } from './clock-tolerance.ts'
import { createExposition, type Exposition, type ReadMetric } from './expose-metrics.ts'
import { routeLabel } from './http-labels.ts'
import { createMeasuredMetrics, createMeasurementFailures } from './measured-metrics.ts'
import { readMetricsOptions, type MetricsOptions } from './options.ts'
import { createDurationHistogram } from './request-durations.ts'
import { createEventCounter } from './security-events.ts'

export type { MetricsOptions } from './options.ts'
export type { Exposition, ReadMetric } from './expose-metrics.ts'
export * as errors from './errors.ts'

/** An app may hand over what a caller wrote: nothing else is written. @see W3C Trace Context §3.2.2.3 */
const TRACE_ID = /^[0-9a-f]{32}$/
const ERROR_CODE = Symbol('sallyport.metrics.errorCode')
const COUNTED = Symbol('sallyport.metrics.counted')

declare module 'fastify' {
  interface FastifyInstance {
    /** Registry of this process's metrics: `new Gauge({ …, registers: [fastify.metricsRegistry] })`. */
    metricsRegistry: Registry
    /** Reads every measurement and writes all metrics, as `GET /metrics` answers them. */
    exposeMetrics: (accept?: string) => Promise<Exposition>
    /** The same as data, to be added up with those of other processes. */
    readMetrics: () => Promise<readonly ReadMetric[]>
  }
  interface FastifyRequest {
    [ERROR_CODE]: string | null
    [COUNTED]: boolean
  }
}

/**
 * Prometheus metrics under the names of the HTTP semantic conventions, and a counter of security events. The number of
 * series is bounded whatever is requested, and no label holds anything a caller wrote.
 * @throws {MetricsOptionsError} `SALLYPORT_METRICS_OPTIONS_INVALID`, naming every mistake
 */
async function metrics(fastify: FastifyInstance, given: MetricsOptions): Promise<void> {
  const options = readMetricsOptions(given)
  const registry = new Registry()
  if (options.process !== undefined) registry.setDefaultLabels({ process: options.process })
  await fastify.register(fastifyMetrics.default, processMeasurements(registry, options.processMetrics))
  fastify.decorate('metricsRegistry', registry)
  const { expose: exposeMetrics, read: readMetrics } = registryReader(fastify, registry, options.measurementTimeoutMs)
  fastify.decorate('exposeMetrics', exposeMetrics)
  fastify.decorate('readMetrics', readMetrics)

  const { clockToleranceSeconds } = options
  if (clockToleranceSeconds !== undefined) showClockTolerance(registry, clockToleranceSeconds)
  const aborted = new Counter({
    name: 'sallyport_http_requests_aborted_total',
    help: 'Requests whose client left before the response was complete; they have no duration',
    labelNames: ['http_route'],
    registers: [registry]
  })
  const { exemplarTraceId } = options
  const traceOf = (request: FastifyRequest): string | null => {
    const traceId = exemplarTraceId?.(request) ?? null
    return traceId !== null && TRACE_ID.test(traceId) ? traceId : null
  }
  const observeDuration = createDurationHistogram(registry, exemplarTraceId !== undefined)
  const countEvents = createEventCounter(registry, exemplarTraceId !== undefined)
  const countOnce = (request: FastifyRequest): void => {
    if (request[COUNTED]) return
    request[COUNTED] = true
    countEvents(securityEventsOf(request), () => traceOf(request))
  }

  // Slots of the request and not weak maps: an entry per request costs the garbage collector more than everything else
  // here.
  fastify.decorateRequest(ERROR_CODE, null)
  fastify.decorateRequest(COUNTED, false)
  fastify.addHook('onError', function rememberErrorCode(request, _reply, error, next) {
    if (typeof error.code === 'string') request[ERROR_CODE] = error.code
    next()
  })
  fastify.addHook('onResponse', function measureRequest(request, reply, next) {
    countOnce(request)
    if (effectiveRoute(request).config.disableMetrics !== true) {
      observeDuration(reply.elapsedTime / 1000, {
        method: request.method,
        route: measuredRoute(request),
        statusCode: reply.statusCode,
        errorCode: request[ERROR_CODE],
        scheme: request.protocol,
        traceId: traceOf(request)
      })
    }
    next()
  })
  fastify.addHook('onRequestAbort', function countAborted(request, next) {
    countOnce(request)
    aborted.inc({ http_route: measuredRoute(request) })
    next()
  })

  options.exposeOn?.get(
    '/metrics',
    { config: { access: 'public', audit: 'none', disableMetrics: true }, logLevel: 'warn' },
    async function answerMetrics(request, reply) {
      const { contentType, body } = await exposeMetrics(request.headers.accept)
      return reply.type(contentType).send(body)
    }
  )
}

function registryReader(fastify: FastifyInstance, registry: Registry, timeoutMs: number) {
  const failuresOfStep = createMeasurementFailures(registry, (metric, err) => {
    fastify.log.warn({ err, metric }, 'a metric cannot be read')
  })
  const measurements = () => measurementsOf(fastify)
  const readMeasurements = createMeasuredMetrics({ registry, measurements, timeoutMs, failures: failuresOfStep() })
  return createExposition({ registry, readMeasurements, timeoutMs, failures: failuresOfStep() })
}

function measuredRoute(request: FastifyRequest): string {
  const { found, url } = effectiveRoute(request)
  return routeLabel(found ? url : undefined)
}

/** What fastify-metrics measures for us: the process. */
function processMeasurements(registry: Registry, enabled: boolean): Parameters<typeof fastifyMetrics.default>[1] {
  return {
    endpoint: null,
    // Given, so that it does not look for another client package at run time.
    promClient: client,
    defaultMetrics: { enabled, register: registry },
    routeMetrics: { enabled: false }
  }
}

export default fastifyPlugin(metrics, { name: '@sallyport/metrics', fastify: '5.x' })
