import { declarationMistakes, effectiveRoute, routesOfApp, type EffectiveRoute } from '@sallyport/security-context'
import { defined } from '@sallyport/security-context/mechanics'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { targetMistake } from './canonical-path.ts'
import { makeRouteWithParts, type RouteWithParts } from './compose/composed-parts.ts'
import { preflightMethod } from './cors.ts'
import { ForwardingOptionsError, PathAmbiguousError } from './errors.ts'
import { createRouteMatcher, type RouteMatcher } from './match-route.ts'
import { ownRouteConflicts } from './own-route-conflicts.ts'
import type { ReadRouteTable } from './table-options.ts'
import { UpstreamConnections, type UpstreamParts } from './upstream.ts'

const TABLE_ROUTE = Symbol('sallyport.forwarding.route')

declare module 'fastify' {
  interface FastifyRequest {
    /** The route of the table that the request keeps, whatever is reloaded; `undefined` before it was asked for. */
    [TABLE_ROUTE]?: RouteWithParts | null
  }
}

/** The slot of a request, for its decoration. */
export const ROUTE_SLOT = TABLE_ROUTE

/** The upstreams and routes of one moment. A reload makes another one and takes it in one step. */
export class RouteTable {
  readonly upstreams: readonly UpstreamConnections[]
  readonly #matcher: RouteMatcher<RouteWithParts>

  /** @param last its connections live on where an upstream has the same options */
  constructor(read: ReadRouteTable, parts: UpstreamParts, last: RouteTable | null) {
    const { upstreams, routes } = read
    const opened = new Map(
      Object.entries(upstreams).map(([name, options]) => {
        const still = last?.upstreams.find(upstream => upstream.isStill(name, options))
        return [name, still ?? new UpstreamConnections(name, options, parts)] as const
      })
    )
    this.upstreams = [...opened.values()]
    this.#matcher = createRouteMatcher(routes.flatMap(route => makeRouteWithParts(route, read, opened) ?? []))
  }

  /** Finds the route of a request, and that of the request that a preflight asks for. */
  find(request: FastifyRequest): RouteWithParts | null {
    const { raw } = request
    const url = raw.url ?? '/'
    const queryAt = url.indexOf('?')
    const path = queryAt === -1 ? url : url.slice(0, queryAt)
    const host = this.#matcher.needsHost ? request.host.toLowerCase() : ''
    const route = this.#matcher.find(preflightMethod(request) ?? request.method, host, path)
    // The router decodes what needed no encoding; the path that goes on is the one that was received.
    return route?.path !== undefined && path.startsWith(route.rewriting.from) ? route : null
  }
}

/** What the app knows of a request that comes to the table. */
export function resolveIn(request: FastifyRequest, table: RouteTable): EffectiveRoute | null {
  const route = table.find(request)
  request[TABLE_ROUTE] = route
  if (route === null) return null
  return preflightMethod(request) === null ? route.effective : route.preflight
}

/** The route that a request has matched, `null` for none. It is the same for as long as the request lasts. */
export function routeOfRequest(request: FastifyRequest): RouteWithParts | null {
  if (request[TABLE_ROUTE] === undefined) effectiveRoute(request)
  return request[TABLE_ROUTE] ?? null
}

/** What can have two readings, at this app and at a service. Most paths hold none of it. */
const SUSPICIOUS = /[^\x21-\x7e]|["#%;<>[\\\]^`{|}]|\/[./]/

/** @throws {PathAmbiguousError} `SALLYPORT_FORWARDING_PATH_AMBIGUOUS`, for a target that has more than one reading */
export function refuseAmbiguousPath({ raw: { url = '/' } }: FastifyRequest): void {
  if (!SUSPICIOUS.test(url)) return
  const mistake = targetMistake(url)
  if (mistake !== null) throw new PathAmbiguousError({ cause: new Error(mistake) })
}

/**
 * Refuses a table that this app cannot hold to: declarations that nobody enforces, credentials that nobody fetches, and
 * routes whose requests the app takes itself.
 * @throws {ForwardingOptionsError} `SALLYPORT_FORWARDING_OPTIONS_INVALID`, naming every mistake
 */
export function refuseUnenforced(fastify: FastifyInstance, { routes }: ReadRouteTable): void {
  const mistakes = routes.flatMap((route, place) => {
    const { access, strategies, stepUp, forward, compose = {} } = route
    const forwards = [forward, ...Object.values(compose).map(part => part.forward)]
    const config = { access, ...defined({ strategies, stepUp }) }
    const texts = [
      ...declarationMistakes(fastify, config),
      ...(access === 'public' || fastify.hasRequestDecorator('principal')
        ? []
        : ['access: no plugin of this app finds out who is calling (request.principal)']),
      ...(!forwards.some(each => typeof each === 'object') || fastify.hasRequestDecorator('exchangeToken')
        ? []
        : ['forward: no plugin of this app exchanges tokens (request.exchangeToken)']),
      ...(!forwards.includes('token') || fastify.hasRequestDecorator('accessToken')
        ? []
        : ['forward: no plugin of this app keeps the token of the caller (request.accessToken)'])
    ]
    return texts.map(text => `routes.${place}: ${text}`)
  })
  const shared = ownRouteConflicts(routes, routesOfApp(fastify))
  const all = [...mistakes, ...shared.map(({ place, message }) => `routes.${place}: ${message}`)]
  if (all.length > 0) throw new ForwardingOptionsError(all.join('; '))
}
