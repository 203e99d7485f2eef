import type { AppRoute } from '@sallyport/security-context'
import { methodsOfRoute, type RouteConflict, type RoutePattern } from './match-route.ts'

/**
 * Routes of a table that share requests with routes of the app itself, which come first: the service would not get what
 * the table says it gets. `/*` is for what the app has no route for, and shares nothing.
 */
export function ownRouteConflicts(routes: readonly RoutePattern[], own: readonly AppRoute[]): RouteConflict[] {
  const methodsByUrl = new Map<string, Set<string>>()
  for (const { method, url } of own) {
    if (/^\/?\*$/.test(url)) continue
    const methods = methodsByUrl.get(url) ?? new Set()
    methodsByUrl.set(url, methods.add(method))
    if (method === 'GET') methods.add('HEAD')
  }
  return routes.flatMap((route, place) => {
    if (route.path === '/*') return []
    return [...methodsByUrl].flatMap(([url, methods]) => {
      const shared = methodsOfRoute(route).filter(method => methods.has(method))
      if (shared.length === 0 || !pathsMeet(route.path, url)) return []
      const ownRoute = `${shared.join(', ')} ${url} is a route of the app itself`
      return [{ place, message: route.path === url ? ownRoute : `${ownRoute}, and takes requests of ${route.path}` }]
    })
  })
}

/** Whether there is a path that both take: one of a table, where `/orders/*` is `/orders` too, and one of Fastify. */
function pathsMeet(ofTable: string, ofApp: string): boolean {
  const mine = ofTable.split('/')
  const theirs = ofApp.split('/')
  for (let at = 0; ; at++) {
    const [one, other] = [mine[at], theirs[at]]
    if (one === '*') return true
    if (one === undefined || other === undefined) return one === other
    if (!segmentsMeet(one, other)) return false
    if (other.endsWith('*')) return true
  }
}

function segmentsMeet(one: string, other: string): boolean {
  const [start, otherStart] = [openStart(one), openStart(other)]
  if (otherStart !== null && (start ?? one).startsWith(otherStart)) return true
  return start === null ? one === other : (otherStart ?? other).startsWith(start)
}

/** What stands before a parameter or a star, each of which is any text, an empty one too; `null` without one. */
function openStart(segment: string): string | null {
  const at = segment.search(/[:*]/)
  return at === -1 ? null : segment.slice(0, at)
}
