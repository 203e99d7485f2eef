import type { AppRoute } from '@sallyport/security-context'
import { isLoopback } from '@sallyport/security-context/mechanics'
import { routeConflicts } from '../match-route.ts'
import { ownRouteConflicts } from '../own-route-conflicts.ts'
import { targetName } from '../upstream-options.ts'
import type { GatewayDocument } from './gateway-schema.ts'
import { type Loose, type MemberMistake, mistakeIf, passMistakes, timeoutMistakes } from './member-mistakes.ts'
import { type LooseRoute, documentRouteMistakes, limitNameMistakes } from './route-rules.ts'

type LooseDocument = Loose<GatewayDocument>
type LooseUpstream = Loose<GatewayDocument['upstreams'][string]>

/** What the schema cannot say: how the members of a document fit together, and with the `own` routes of an app. */
export function documentMistakes(document: LooseDocument, own: readonly AppRoute[] = []): MemberMistake[] {
  const names = Object.keys(document.upstreams ?? {})
  return [
    ...Object.entries(document.upstreams ?? {}).flatMap(([name, upstream]) =>
      under(`upstreams/${name}`, upstream === undefined ? [] : upstreamMistakes(upstream))
    ),
    ...under('defaults', [
      ...timeoutMistakes(document.defaults?.timeouts),
      ...passMistakes(document.defaults?.requestHeaders?.pass),
      ...limitNameMistakes(document.defaults?.rateLimits, document.rateLimits)
    ]),
    ...(document.routes ?? []).flatMap((route, place) =>
      under(`routes/${place}`, route === undefined ? [] : documentRouteMistakes(route, names, document.rateLimits))
    ),
    ...conflicts(document.routes ?? [], own),
    ...repeatedNames(document.routes ?? [])
  ]
}

function upstreamMistakes(upstream: LooseUpstream): MemberMistake[] {
  const { origin, targets, tls, timeouts, breaker, ejection } = upstream
  const origins = [
    ...(origin === undefined ? [] : [{ text: origin, path: 'origin' }]),
    ...(targets ?? []).flatMap((target, place) =>
      target?.origin === undefined ? [] : [{ text: target.origin, path: `targets/${place}/origin` }]
    )
  ]
  const isPlain = ({ text }: { readonly text: string }): boolean => new URL(text).protocol === 'http:'
  return [
    // A member that is wrong itself is here without a value.
    ...mistakeIf(!('origin' in upstream) && !('targets' in upstream), '', 'origin or targets is missing'),
    ...mistakeIf(origin !== undefined && targets !== undefined, 'targets', 'targets are in place of origin'),
    ...origins.flatMap(each =>
      mistakeIf(
        isPlain(each) && !isLoopback(new URL(each.text).hostname),
        each.path,
        'origin must be https: beyond loopback'
      )
    ),
    ...mistakeIf(tls !== undefined && origins.some(isPlain), 'tls', 'tls is for https: origins'),
    ...mistakeIf(
      tls !== undefined && (tls.certificate === undefined) !== (tls.key === undefined),
      'tls',
      'certificate and key belong together'
    ),
    ...targetMistakes(targets ?? []),
    ...mistakeIf(ejection !== undefined && (targets?.length ?? 1) < 2, 'ejection', 'ejection needs several targets'),
    ...mistakeIf(
      breaker?.window !== undefined && breaker.window < (breaker.minimumCalls ?? 10),
      'breaker/window',
      'window must not be smaller than minimumCalls'
    ),
    ...timeoutMistakes(timeouts)
  ]
}

/** Two targets that are the same, or that nobody could tell apart, and weights of which none counts. */
function targetMistakes(targets: ReadonlyArray<NonNullable<LooseUpstream['targets']>[number]>): MemberMistake[] {
  const origins = targets.map(target => target?.origin)
  const names = targets.map((target, place) => targetName(target?.name, place))
  return [
    ...targets.flatMap((_target, place) => [
      ...mistakeIf(
        origins[place] !== undefined && origins.indexOf(origins[place]) < place,
        `targets/${place}/origin`,
        'another target has this origin'
      ),
      ...mistakeIf(names.indexOf(names[place] ?? '') < place, `targets/${place}`, 'another target has this name')
    ]),
    ...mistakeIf(
      targets.length > 0 && targets.every(target => target?.weight === 0),
      'targets',
      'one of the targets needs a weight above 0'
    )
  ]
}

/** Routes for the same requests; a route that is wrong itself is in nobody's way. */
function conflicts(routes: ReadonlyArray<LooseRoute | undefined>, own: readonly AppRoute[]): MemberMistake[] {
  const patterns = routes.map((route, place) => {
    const { path, hosts, methods } = route ?? {}
    const isWhole = [...(hosts ?? []), ...(methods ?? [])].every(item => item !== undefined)
    if (path === undefined || !isWhole) return { path: `/\0${place}` }
    return {
      path,
      hosts: hosts?.filter(host => host !== undefined),
      methods: methods?.filter(each => each !== undefined)
    }
  })
  return [...routeConflicts(patterns), ...ownRouteConflicts(patterns, own)].map(({ place, message }) => ({
    path: `routes/${place}/path`,
    message
  }))
}

function repeatedNames(routes: ReadonlyArray<LooseRoute | undefined>): MemberMistake[] {
  const names = routes.map(route => route?.name)
  return names.flatMap((name, place) =>
    mistakeIf(name !== undefined && names.indexOf(name) < place, `routes/${place}/name`, 'another route has this name')
  )
}

function under(prefix: string, mistakes: readonly MemberMistake[]): MemberMistake[] {
  return mistakes.map(({ path, message }) => ({ path: path === '' ? prefix : `${prefix}/${path}`, message }))
}
