import '@sallyport/security-context/require-node'
import { namedScopes, offerMeasurements, type AuditSink } from '@sallyport/security-context'
import { defined } from '@sallyport/security-context/mechanics'
import { randomBytes } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { createDeadlines } from './lean/deadlines.ts'
import type { ForwardingParts } from './forward-request.ts'
import { upstreamMeasurements } from './measure-upstreams.ts'
import { openStreamsOf } from './open-streams.ts'
import { readForwardingOptions, readRouteTable, type ForwardingOptions, type ReadForwardingOptions } from './options.ts'
import { preflightMethod } from './cors.ts'
import { LIMITS_SLOT, RequestLimiter } from './rate-limits/limit-requests.ts'
import { memoryRateLimitStore } from './rate-limits/memory-rate-limit-store.ts'
import { sharedLimits } from './rate-limits/shared-limits.ts'
import { refuseUnenforced, resolveIn, routeOfRequest, RouteTable, ROUTE_SLOT } from './route-table.ts'
import { serveTable } from './serve-table.ts'
import type { ReadRouteTable, RouteTableOptions, SheddingLimits } from './table-options.ts'
import type { UpstreamConnections, UpstreamParts } from './upstream.ts'
import { mayUpgrade } from './web-socket/admit-upgrade.ts'
import { serveWebSockets } from './web-socket/serve-web-sockets.ts'

export type { RateLimitOptions } from './rate-limits/rate-limit-options.ts'
export type { QuotaStanding, QuotaTake, RateLimitStore } from './rate-limits/rate-limit-store.ts'
export { memoryRateLimitStore } from './rate-limits/memory-rate-limit-store.ts'
export { redisRateLimitStore, type RedisRateLimitStoreOptions } from './rate-limits/redis-rate-limit-store.ts'
export { refusedNames } from './forwarded-headers.ts'
export { targetMistake } from './canonical-path.ts'
export { createRouteMatcher, methodsOfRoute, type RouteMatcher, type RoutePattern } from './match-route.ts'
export type { EndOfAccess, OpenAnswer, OpenAnswers } from './open-answers.ts'
export type { EdgeAddress, ForwardingOptions, OpenUpstream } from './options.ts'
export type { ForwardingDefaults, RouteTableOptions, SheddingLimits } from './table-options.ts'
export type {
  ComposedPart,
  CorsOptions,
  ExchangedCredential,
  ForwardedRouteOptions,
  RequestHeaderRules,
  ResponseHeaderRules
} from './route-options.ts'
export type { WebSocketOptions } from './web-socket/web-socket-options.ts'
export type { AnswerTimeouts, TargetOptions, UpstreamOptions, UpstreamTls } from './upstream-options.ts'
export type {
  BreakerOptions,
  BulkheadOptions,
  EjectionOptions,
  HealthCheckOptions,
  RetryOptions,
  UpstreamTargetOptions
} from './resilience/resilience-options.ts'
export { SERVED_METHODS, type ServedMethod } from './served-methods.ts'
export { tryAgain } from './upstream-failure.ts'
export * as errors from './errors.ts'

/** The table of an app. */
export interface Forwarding {
  /**
   * Checks another table as {@link replace} does, and takes nothing.
   * @throws {ForwardingOptionsError} `SALLYPORT_FORWARDING_OPTIONS_INVALID`, naming every mistake
   */
  readonly check: (table: RouteTableOptions) => void
  /**
   * Takes another table in one step. Requests under way end under the old one; the connections to upstreams whose
   * options are the same live on, those of others close when the last of their requests has ended.
   * @throws {ForwardingOptionsError} `SALLYPORT_FORWARDING_OPTIONS_INVALID`, naming every mistake; nothing has changed
   */
  readonly replace: (table: RouteTableOptions) => void
  /**
   * Counts a request in the limits by source of its route, as an `onRequest` hook before whatever authenticates: what
   * is refused there counts too. Where nobody calls it, they are counted with the other limits, after that.
   */
  readonly admitSource: (request: FastifyRequest, reply: FastifyReply, done: (refusal?: Error) => void) => void
  /** What the table says of shedding, for whoever does it; `null` for nothing. */
  readonly shedding: () => SheddingLimits | null
  /** Whether a request asks for a WebSocket at a route that has them: it must not be refused for its `Upgrade`. */
  readonly takesUpgrade: (request: FastifyRequest) => boolean
  /** Every scope that a route of the table names. */
  readonly scopes: () => readonly string[]
}

declare module 'fastify' {
  interface FastifyInstance {
    forwarding: Forwarding
  }
}

/**
 * Routes to other services, as data. Each request goes on with a credential of its own for the one service it is for,
 * and with nothing of the caller that should stay here. It serves every path that the app has no route of its own for.
 * Register it after what authenticates and authorizes.
 * @throws {ForwardingOptionsError} `SALLYPORT_FORWARDING_OPTIONS_INVALID`, naming every mistake
 */
async function forwarding(fastify: FastifyInstance, given: ForwardingOptions): Promise<void> {
  const options = readForwardingOptions(given)
  refuseUnenforced(fastify, options)
  let read: ReadRouteTable = options
  let shedding = sheddingOf(read)
  const parts: UpstreamParts = {
    ...options,
    log: (message, detail) => {
      fastify.log.warn(detail, message)
    }
  }
  let table = new RouteTable(options, parts, null)
  watchAll(table)
  const webSockets = serveWebSockets(fastify, routeOfRequest)
  webSockets.check(options.routes)
  webSockets.follow(options.routes)
  const retiring = new Set<Promise<void>>()
  offerMeasurements(
    fastify,
    upstreamMeasurements(() => table.upstreams)
  )

  function retire(upstreams: readonly UpstreamConnections[]): void {
    for (const upstream of upstreams) {
      const closed = upstream
        .retire()
        .catch((error: unknown) => {
          fastify.log.warn({ err: error, upstream: upstream.name }, 'connections could not be closed')
        })
        .finally(() => retiring.delete(closed))
      retiring.add(closed)
    }
  }

  function checked(next: RouteTableOptions): ReadRouteTable {
    const nextRead = readRouteTable(next)
    refuseUnenforced(fastify, nextRead)
    webSockets.check(nextRead.routes)
    return nextRead
  }

  const limiter = new RequestLimiter({
    shared: options.rateLimitStore === undefined ? null : sharedLimits(options.rateLimitStore, { log: logStore }),
    local: memoryRateLimitStore(),
    processes: options.rateLimitProcesses
  })
  offerMeasurements(fastify, limiter.measurements())

  function logStore(isAway: boolean, err: unknown): void {
    if (isAway) fastify.log.error({ err }, 'the store of rate limits is away: each limit says what holds now')
    else fastify.log.info('the store of rate limits is back')
  }

  fastify.decorate('forwarding', {
    admitSource(request, reply, done) {
      const limits = routeOfRequest(request)?.rateLimits ?? null
      if (limits === null || preflightMethod(request) !== null) done()
      else limiter.admitSource(request, reply, limits, done)
    },
    shedding: () => shedding,
    scopes: () => [...new Set(read.routes.flatMap(({ access }) => namedScopes(access)))],
    takesUpgrade: request => mayUpgrade(request, routeOfRequest(request)),
    check(next) {
      checked(next)
    },
    replace(next) {
      const nextRead = checked(next)
      const last = table
      table = new RouteTable(nextRead, parts, last)
      watchAll(table)
      read = nextRead
      shedding = sheddingOf(read)
      webSockets.follow(read.routes)
      retire(last.upstreams.filter(upstream => !table.upstreams.includes(upstream)))
    }
  })
  fastify.decorateRequest(ROUTE_SLOT)
  fastify.decorateRequest(LIMITS_SLOT)
  // Once more for the routes that the app has added since.
  fastify.addHook('onReady', function refuseShadowedRoutes(done) {
    refuseUnenforced(fastify, read)
    webSockets.check(read.routes)
    done()
  })
  fastify.addHook('onClose', async function closeUpstreams() {
    retire(table.upstreams)
    await Promise.all(retiring)
  })
  await fastify.register(serveTable, {
    resolveRoute: request => resolveIn(request, table),
    parts: { ...sharedParts(fastify, options), openSockets: webSockets.openSockets },
    limiter
  })
}

/** Absent members are left out. */
function sheddingOf({ shedding }: ReadRouteTable): SheddingLimits | null {
  return shedding === undefined ? null : defined(shedding)
}

function watchAll({ upstreams }: RouteTable): void {
  for (const upstream of upstreams) upstream.watch()
}

function sharedParts(
  fastify: FastifyInstance,
  options: ReadForwardingOptions
): Omit<ForwardingParts, 'headHooks' | 'openSockets'> {
  const { origins, edgeAddress = ({ host, protocol: scheme }) => ({ host, scheme }) } = options
  return {
    tracingHeaders: options.tracingHeaders ?? traceOfRequest,
    edgeAddress,
    ownOrigins: request => {
      if (origins !== undefined) return origins
      const { host, scheme } = edgeAddress(request)
      return [`${scheme}://${host}`]
    },
    openAnswers: options.openAnswers ?? null,
    openStreams: openStreamsOf(fastify),
    auditSink: options.auditSink ?? auditSinkOf(fastify),
    deadlines: createDeadlines()
  }
}

/** The id of the trace is absent in an app without the security context. */
function traceOfRequest(request: FastifyRequest): Readonly<Record<string, string>> {
  const { traceId }: Partial<Pick<FastifyRequest, 'traceId'>> = request
  if (traceId === undefined || traceId === '') return {}
  return { traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-01` }
}

function auditSinkOf(fastify: FastifyInstance): AuditSink | null {
  return fastify.hasDecorator('auditSink') ? fastify.getDecorator<AuditSink>('auditSink') : null
}

export default fastifyPlugin(forwarding, { name: '@sallyport/forwarding', fastify: '5.x' })
