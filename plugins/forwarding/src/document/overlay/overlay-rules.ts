import type { ForwardedRouteOptions } from '../../route-options.ts'
import type { RouteTableOptions } from '../../table-options.ts'
import { mistakeIf, type MemberMistake } from '../member-mistakes.ts'
import { membersThatAskLess } from './compare-access.ts'
import { hasSameRequests, shareRequests, shareTargets } from './shared-requests.ts'

/** A route as an overlay makes it, and the pushed one that it changes; `null` for another one. */
export interface OverlaidRoute {
  readonly route: ForwardedRouteOptions
  readonly changed: ForwardedRouteOptions | null
}

/** What an overlay's route may not do, by its members. */
export function overlaidRouteMistakes(
  { route, changed }: OverlaidRoute,
  pushed: RouteTableOptions
): readonly MemberMistake[] {
  const unknown = notPushedMistakes(route.upstream, 'upstream', pushed)
  if (unknown.length > 0) return unknown
  const toUpstream = pushed.routes.filter(({ upstream }) => upstream === route.upstream)
  const opening = openingMistakes({ route, changed }, pushed, toUpstream)
  // A public route has no credential at all, which the rules of the whole table say.
  const isTold = opening.length > 0 || route.access === 'public'
  return [...opening, ...otherCredentialMistakes(route, toUpstream, isTold)]
}

/**
 * A credential goes along for those alone whom a pushed route lets pass with it.
 * @param isTold whether it is said already that the route asks too little
 */
function otherCredentialMistakes(
  route: ForwardedRouteOptions,
  toUpstream: readonly ForwardedRouteOptions[],
  isTold: boolean
): readonly MemberMistake[] {
  if (route.forward === 'none') return []
  const senders = toUpstream.filter(other => sendsNoMore(route.forward, other.forward))
  const ofFewer = !isTold && senders.every(other => membersThatAskLess(route, other).length > 0)
  const who = senders.length === 0 ? 'no pushed route sends' : 'only pushed routes that ask more of callers send'
  return mistakeIf(senders.length === 0 || ofFewer, 'forward', `${who} this credential to ${route.upstream}`)
}

/** An upstream that no file of routes has. */
export function notPushedMistakes(name: string, path: string, { upstreams }: RouteTableOptions): MemberMistake[] {
  const message = `there is no upstream ${JSON.stringify(name)} among the pushed ones, and an overlay adds none`
  return Object.hasOwn(upstreams, name) ? [] : [{ path, message }]
}

/**
 * Whoever may pass here may pass by every pushed route that it takes requests from, or that calls the same paths of the
 * service. What no pushed route calls is at most as open as all that are for the service, and never public.
 */
function openingMistakes(
  { route, changed }: OverlaidRoute,
  { routes }: RouteTableOptions,
  toUpstream: readonly ForwardedRouteOptions[]
): readonly MemberMistake[] {
  const isTarget = (other: ForwardedRouteOptions): boolean => shareTargets(route, other)
  const isSameTarget = changed !== null && changed.upstream === route.upstream && changed.rewrite === route.rewrite
  const targets = toUpstream.some(isTarget) ? toUpstream.filter(isTarget) : toUpstream
  const compared = isSameTarget
    ? [changed]
    : [...new Set([...routes.filter(other => shareRequests(route, other)), ...targets])]
  const opens = !toUpstream.some(isTarget) && route.access === 'public'
  return [
    ...mistakeIf(opens, 'access', `no pushed route opens this path of ${route.upstream} to everybody`),
    ...compared.flatMap(other =>
      membersThatAskLess(route, other).map(member => ({
        path: member,
        message: `${member} asks less of callers than the pushed route ${other.name ?? other.path}`
      }))
    )
  ]
}

/** Whether one credential gives the service nothing that the other one does not. */
function sendsNoMore(forward: ForwardedRouteOptions['forward'], other: ForwardedRouteOptions['forward']): boolean {
  if (typeof forward === 'string' || typeof other === 'string') return forward === other
  const given = other.scope?.split(' ')
  return (
    forward.audience === other.audience &&
    (given === undefined || (forward.scope?.split(' ').every(scope => given.includes(scope)) ?? false))
  )
}

/** The pushed route for the very same requests. */
export function pushedRouteFor(
  pattern: Pick<ForwardedRouteOptions, 'path' | 'hosts' | 'methods'>,
  { routes }: RouteTableOptions
): ForwardedRouteOptions | null {
  return routes.find(route => hasSameRequests(route, pattern)) ?? null
}
