import { trailOfWorker } from '@sallyport/audit-log'
import type { RouteTableOptions } from '@sallyport/forwarding'
import type { WorkerPlace } from '@sallyport/service-process'
import type { GatewaySettings } from './settings.ts'

/** What `@sallyport/secure-transport` opens to one origin where nobody says how many. */
const CONNECTIONS_PER_ORIGIN = 64
const QUEUED_PER_ORIGIN = 256
/** Repetitions that `@sallyport/forwarding` lets an upstream save up where nobody says how many. */
const SAVED_REPETITIONS = 10
/** WebSockets that `@sallyport/forwarding` lets be open where a route does not say how many. */
const OPEN_SOCKETS = 1000
const OPEN_SOCKETS_PER_CALLER = 20

/** The settings of one of several workers: what is divided, and what one of them does for all. */
export function shareOfWorker(settings: GatewaySettings, place: WorkerPlace): GatewaySettings {
  return {
    ...settings,
    ...trailOfWorker(settings, place),
    databaseConnections: portionOf(settings.databaseConnections, place.of),
    // Limits that each counts for itself: without Redis, and while it is away.
    gatewayProcesses: settings.gatewayProcesses * place.of
  }
}

/** Whole parts that are together no more than the whole; at least one, without which nothing would go on. */
export function portionOf(whole: number, workers: number): number {
  return Math.max(1, Math.floor(whole / workers))
}

/**
 * The table of one of several workers: connections, bulkheads, what is saved up for repetitions, requests under way and
 * open WebSockets are divided. Shares in percent, times and the rules by which a target is left out hold for each
 * worker by itself.
 */
export function tableOfWorker(table: RouteTableOptions, workers: number): RouteTableOptions {
  if (workers === 1) return table
  const { upstreams, shedding, routes } = table
  return {
    ...table,
    ...(shedding?.maxPending !== undefined && {
      shedding: { ...shedding, maxPending: portionOf(shedding.maxPending, workers) }
    }),
    routes: routes.map(route => routeOfWorker(route, workers)),
    upstreams: Object.fromEntries(
      Object.entries(upstreams).map(([name, upstream]) => [name, upstreamOfWorker(upstream, workers)])
    )
  }
}

type RouteOfTable = RouteTableOptions['routes'][number]

function routeOfWorker(route: RouteOfTable, workers: number): RouteOfTable {
  const { webSocket } = route
  if (webSocket === undefined) return route
  const { maxOpen = OPEN_SOCKETS, maxOpenPerCaller = OPEN_SOCKETS_PER_CALLER } = webSocket
  const divided = { maxOpen: portionOf(maxOpen, workers), maxOpenPerCaller: portionOf(maxOpenPerCaller, workers) }
  return { ...route, webSocket: { ...webSocket, ...divided } }
}

type UpstreamOfTable = RouteTableOptions['upstreams'][string]

function upstreamOfWorker(upstream: UpstreamOfTable, workers: number): UpstreamOfTable {
  const { maxConnections = CONNECTIONS_PER_ORIGIN, maxQueued = QUEUED_PER_ORIGIN, bulkhead, retries } = upstream
  return {
    ...upstream,
    maxConnections: portionOf(maxConnections, workers),
    maxQueued: portionOf(maxQueued, workers),
    ...(bulkhead !== undefined && {
      bulkhead: {
        ...bulkhead,
        maxPending: portionOf(bulkhead.maxPending, workers),
        ...(bulkhead.maxQueued !== undefined && { maxQueued: Math.floor(bulkhead.maxQueued / workers) })
      }
    }),
    ...(retries !== undefined && {
      retries: { ...retries, burst: portionOf(retries.burst ?? SAVED_REPETITIONS, workers) }
    })
  }
}
