import type { AppRoute } from '@sallyport/security-context'
import { isLoopback } from '@sallyport/security-context/mechanics'
import { routeConflicts } from '../match-route.ts'
import { ownRouteConflicts } from '../own-route-conflicts.ts'
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
      under(`upstreams/${name}`, upstreamMistakes(upstream ?? {}))
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

function upstreamMistakes({ origin, tls, timeouts }: LooseUpstream): MemberMistake[] {
  const url = origin === undefined ? null : new URL(origin)
  const isPlain = url?.protocol === 'http:'
  return [
    ...mistakeIf(isPlain && !isLoopback(url.hostname), 'origin', 'origin must be https: beyond loopback'),
    ...mistakeIf(isPlain && tls !== undefined, 'tls', 'tls is for https: origins'),
    ...mistakeIf(
      tls !== undefined && (tls.certificate === undefined) !== (tls.key === undefined),
      'tls',
      'certificate and key belong together'
    ),
    ...timeoutMistakes(timeouts)
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
  return mistakes.map(({ path, message }) => ({ path: `${prefix}/${path}`, message }))
}
