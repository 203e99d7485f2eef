import type { FastifyContextConfig, FastifyRequest } from 'fastify'

/** What holds for a request: of its Fastify route, or of the entry of a route table that it matched. */
export interface EffectiveRoute {
  /** The template, which labels metrics and logs: `/orders/:orderId`. Empty where there is no such route. */
  readonly url: string
  /** `access`, `audit` and what else is declared; empty where there is no such route. */
  readonly config: FastifyContextConfig
  /** `false` for a request that is answered with 404 whoever calls. */
  readonly found: boolean
}

const EFFECTIVE_ROUTE = Symbol('sallyport.security-context.route')

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * Finds what holds for a request where one Fastify route serves many, as a route table does; `null` where there is
     * no such route. Asked once per request, before anybody is known. What it throws refuses the request.
     */
    resolveRoute?: (request: FastifyRequest) => EffectiveRoute | null
  }
  interface FastifyRequest {
    [EFFECTIVE_ROUTE]?: EffectiveRoute | null
  }
}

const NOT_FOUND: EffectiveRoute = Object.freeze({ url: '', config: Object.freeze({}), found: false })

/** By the `config` of the route, which Fastify makes anew for each of them. */
const ordinaryRoutes = new WeakMap<object, EffectiveRoute>()

/**
 * What holds for this request. Everything that decides by a route's declarations, or names the route, asks here and not
 * `request.routeOptions`. A request whose route cannot be resolved has one without any declaration: it is refused as a
 * request of an undeclared route is.
 */
export function effectiveRoute(request: FastifyRequest): EffectiveRoute {
  const known = request[EFFECTIVE_ROUTE]
  // `reply.callNotFound()` takes a request from its route to that of 404.
  if (known !== undefined && known !== null && !(known.found && request.is404)) return known
  const route = findRoute(request)
  request[EFFECTIVE_ROUTE] = route
  return route
}

/** Fills the slot of each request with its final shape, so that asking allocates nothing. */
export const EFFECTIVE_ROUTE_SLOT = EFFECTIVE_ROUTE

function findRoute(request: FastifyRequest): EffectiveRoute {
  if (request.is404) return NOT_FOUND
  const { config } = request.routeOptions
  if (config.resolveRoute !== undefined) return resolvedRoute(request, config.url, config.resolveRoute)
  const cached = ordinaryRoutes.get(config)
  if (cached !== undefined) return cached
  const route = Object.freeze({ url: config.url, config, found: true })
  ordinaryRoutes.set(config, route)
  return route
}

function resolvedRoute(
  request: FastifyRequest,
  url: string,
  resolveRoute: NonNullable<FastifyContextConfig['resolveRoute']>
): EffectiveRoute {
  try {
    return resolveRoute(request) ?? NOT_FOUND
  } catch (error) {
    request.log.error({ err: error }, 'the route of a request could not be resolved')
    return { url, config: {}, found: true }
  }
}
