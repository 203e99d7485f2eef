import client, { Counter, Registry } from '@prometheus-io/client'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fastifyMetrics from 'fastify-metrics'
import fastifyPlugin from 'fastify-plugin'
import type { SecurityEvent } from '@sallyport/security-context'
import { DURATION_BUCKETS_SECONDS, errorTypeLabel, methodLabel, routeLabel } from './http-labels.ts'
import type { MetricsOptions } from './options.ts'
import { createEventCounter } from './security-events.ts'

export type { MetricsOptions } from './options.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Registry of this process's metrics: `new Gauge({ …, registers: [fastify.metricsRegistry] })`. */
    metricsRegistry: Registry
  }
}

const DURATION = 'http_server_request_duration_seconds'

/**
 * Prometheus metrics under the names of the HTTP semantic conventions, and a counter of security events. The number of
 * series is bounded whatever is requested, and no label holds anything a caller wrote. Register it first, so that
 * every request is measured from its beginning.
 */
async function metrics (fastify: FastifyInstance, options: MetricsOptions): Promise<void> {
  const registry = new Registry()
  if (options.process !== undefined) registry.setDefaultLabels({ process: options.process })
  const aborted = new Counter({
    name: 'sallyport_http_requests_aborted_total',
    help: 'Requests whose client left before the response was complete; they have no duration',
    labelNames: ['http_route'],
    registers: [registry]
  })
  const errorCodes = new WeakMap<FastifyRequest, string>()
  const counted = new WeakSet<FastifyRequest>()
  const countEvents = createEventCounter(registry)

  const errorType = (request: FastifyRequest, reply: FastifyReply): string => errorTypeLabel(reply.statusCode, errorCodes.get(request))
  await fastify.register(fastifyMetrics.default, measurements(registry, options, errorType))
  fastify.decorate('metricsRegistry', registry)

  fastify.addHook('onError', async function rememberErrorCode (request, _reply, error) {
    if (typeof error.code === 'string') errorCodes.set(request, error.code)
  })
  const countOnce = (request: FastifyRequest): void => {
    // A bare app may have no security context.
    const events: readonly SecurityEvent[] | undefined = request.securityEvents
    if (events === undefined || counted.has(request)) return
    counted.add(request)
    countEvents(events)
  }
  fastify.addHook('onResponse', async function countSecurityEvents (request) { countOnce(request) })
  fastify.addHook('onRequestAbort', async function countAborted (request) {
    countOnce(request)
    aborted.inc({ http_route: measuredRoute(request) })
  })

  options.exposeOn?.get('/metrics', { config: { access: 'public', audit: 'none', disableMetrics: true }, logLevel: 'warn' }, async function exposeMetrics (_request, reply) {
    return reply.type(registry.contentType).send(await registry.metrics())
  })
}

function measuredRoute (request: FastifyRequest): string {
  return routeLabel(request.is404 ? undefined : request.routeOptions.url)
}

/** What fastify-metrics measures for us: the duration of each request as a histogram, and the process. */
function measurements (registry: Registry, options: MetricsOptions, errorType: (request: FastifyRequest, reply: FastifyReply) => string): Parameters<typeof fastifyMetrics.default>[1] {
  return {
    endpoint: null,
    // Given, so that it does not look for another client package at run time.
    promClient: client,
    defaultMetrics: { enabled: options.processMetrics !== false, register: registry },
    routeMetrics: {
      // Its summaries have names outside the conventions; what is switched off is still constructed, so it gets no registry.
      enabled: { histogram: true, summary: false },
      registeredRoutesOnly: false,
      methodBlacklist: [],
      // It writes the method as it came; a custom label of the same name is written after it.
      customLabels: { http_request_method: request => methodLabel(request.method), error_type: errorType },
      overrides: {
        labels: { method: 'http_request_method', route: 'http_route', status: 'http_response_status_code', getRouteLabel: measuredRoute },
        histogram: { name: DURATION, help: 'Duration of HTTP server requests', buckets: [...DURATION_BUCKETS_SECONDS], registers: [registry] },
        summary: { registers: [] }
      }
    }
  }
}

export default fastifyPlugin(metrics, { name: '@sallyport/metrics', fastify: '5.x' })
