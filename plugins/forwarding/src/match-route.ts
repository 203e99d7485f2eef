import createRouter, { type HTTPMethod, type Instance } from 'find-my-way'
import { SERVED_METHODS } from './served-methods.ts'

/** Which requests a route is for. */
export interface RoutePattern {
  readonly path: string
  readonly hosts?: readonly string[] | undefined
  readonly methods?: readonly string[] | undefined
}

/** Finds the route of a request. */
export interface RouteMatcher<Route> {
  /** Whether any route names a host. */
  readonly needsHost: boolean
  /**
   * @param host of the request, in lower case, with its port where it has one
   * @param path without the query, in the form that was received
   */
  readonly find: (method: string, host: string, path: string) => Route | null
}

/** A route for requests that another one takes too. */
export interface RouteConflict {
  readonly place: number
  readonly message: string
}

/** Parameters are longer than Fastify allows its own: an upstream decides what its ids look like. */
const LONGEST_PATH_PARAMETER = 8192

/**
 * Matches as Fastify's router does: of two routes, the one for the host of the request comes first, then the one whose
 * path is more specific. `/orders/*` is for `/orders` too where no other route is.
 * @param routes without {@link routeConflicts}
 */
export function createRouteMatcher<Route extends RoutePattern>(routes: readonly Route[]): RouteMatcher<Route> {
  const byHost = new Map<string, Instance<never>>()
  const known = new Set<string>()

  function add(route: Route, path: string, onlyWhereFree: boolean): void {
    for (const host of hostsOfRoute(route)) {
      const router = byHost.get(host) ?? createRouter<never>({ maxParamLength: LONGEST_PATH_PARAMETER })
      byHost.set(host, router)
      for (const method of methodsOfRoute(route)) {
        const requests = requestsText(method, host, path)
        if (onlyWhereFree && known.has(requests)) continue
        known.add(requests)
        router.on(method, path, NO_HANDLER, route)
      }
    }
  }

  for (const route of routes) add(route, route.path, false)
  for (const route of routes) if (basePath(route.path) !== null) add(route, basePath(route.path) ?? '/', true)
  const any = byHost.get(ANY_HOST) ?? null
  const needsHost = [...byHost.keys()].some(host => host !== ANY_HOST)

  return {
    needsHost,
    find(method, host, path) {
      const named = needsHost ? find(byHost.get(host), method, path) : null
      const withoutPort = needsHost && named === null ? find(byHost.get(hostName(host)), method, path) : named
      return withoutPort ?? find(any ?? undefined, method, path)
    }
  }

  function find(router: Instance<never> | undefined, method: string, path: string): Route | null {
    const found: unknown = router?.find(method as HTTPMethod, path)?.store ?? null
    // The one place where a route comes back out of the router, which holds only routes.
    return found as Route | null
  }
}

/** Routes for the same requests as an earlier one. */
export function routeConflicts(routes: readonly RoutePattern[]): RouteConflict[] {
  const places = new Map<string, number>()
  return routes.flatMap((route, place) => {
    const requests = requestsOfRoute(route)
    const taken = requests.find(text => places.has(text))
    for (const text of requests) if (!places.has(text)) places.set(text, place)
    return taken === undefined ? [] : [{ place, message: `${taken} is what routes.${places.get(taken)} is for` }]
  })
}

/** The requests that a route is for, in words: the same words are the same requests. */
export function requestsOfRoute(route: RoutePattern): readonly string[] {
  return hostsOfRoute(route).flatMap(host =>
    methodsOfRoute(route).map(method => requestsText(method, host, route.path))
  )
}

/** The methods that a route is for, HEAD with GET. */
export function methodsOfRoute({ methods }: RoutePattern): readonly HTTPMethod[] {
  if (methods === undefined) return SERVED_METHODS
  return SERVED_METHODS.filter(method => methods.includes(method) || (method === 'HEAD' && methods.includes('GET')))
}

const ANY_HOST = ''
const NO_HANDLER = (): void => {}

function hostsOfRoute({ hosts }: RoutePattern): readonly string[] {
  return hosts === undefined ? [ANY_HOST] : hosts.map(host => host.toLowerCase())
}

function hostName(host: string): string {
  return host.replace(/:\d+$/, '')
}

/** `/orders` of `/orders/*`, which has none of its own; `null` for another path. */
function basePath(path: string): string | null {
  return path.endsWith('/*') && path.length > 2 ? path.slice(0, -2) : null
}

/** The requests of a route in words: parameters are alike whatever their names are. */
function requestsText(method: string, host: string, path: string): string {
  return `${method} ${host}${path.replaceAll(/:[A-Za-z_]\w*/g, ':*')}`
}
