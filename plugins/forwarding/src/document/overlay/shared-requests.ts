import { methodsOfRoute, requestsOfRoute, type RoutePattern } from '../../match-route.ts'

/** A route as requests see it, and as its service does. */
export interface RewrittenPattern extends RoutePattern {
  readonly upstream: string
  readonly rewrite?: string | undefined
}

/** Whether two routes are for the very same requests. */
export function hasSameRequests(one: RoutePattern, other: RoutePattern): boolean {
  const [own, others] = [new Set(requestsOfRoute(one)), new Set(requestsOfRoute(other))]
  return own.size === others.size && [...own].every(requests => others.has(requests))
}

/** Whether there may be a request that both are for. */
export function shareRequests(one: RoutePattern, other: RoutePattern): boolean {
  return shareMethods(one, other) && shareHosts(one, other) && sharePaths(one.path, other.path)
}

/** Whether both may call the same path of the same service. */
export function shareTargets(one: RewrittenPattern, other: RewrittenPattern): boolean {
  return one.upstream === other.upstream && shareMethods(one, other) && sharePaths(targetPath(one), targetPath(other))
}

function shareMethods(one: RoutePattern, other: RoutePattern): boolean {
  const methods = methodsOfRoute(other)
  return methodsOfRoute(one).some(method => methods.includes(method))
}

/** Without their ports, which may be left out of either. */
function shareHosts({ hosts: one }: RoutePattern, { hosts: other }: RoutePattern): boolean {
  if (one === undefined || other === undefined) return true
  const names = other.map(withoutPort)
  return one.map(withoutPort).some(name => names.includes(name))
}

function withoutPort(host: string): string {
  return host.toLowerCase().replace(/:\d+$/, '')
}

/** The pattern of the paths that the service is asked for. */
function targetPath({ path, rewrite }: RewrittenPattern): string {
  if (rewrite === undefined) return path
  if (!path.endsWith('/*')) return rewrite
  return rewrite === '/' ? '/*' : `${rewrite}/*`
}

/** Segment by segment; a parameter stands for any of them, and `*` for what is left, nothing included. */
function sharePaths(one: string, other: string): boolean {
  const [own = [], others = []] = [one, other].map(path => path.slice(1).split('/'))
  for (let place = 0; ; place++) {
    const [left, right] = [own[place], others[place]]
    if (left === '*' || right === '*') return true
    if (left === undefined || right === undefined) return left === right
    if (left !== right && !left.startsWith(':') && !right.startsWith(':')) return false
  }
}
