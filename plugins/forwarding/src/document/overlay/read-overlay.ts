import type { AppRoute } from '@sallyport/security-context'
import { defined } from '@sallyport/security-context/mechanics'
import { tableMistakes } from '../../table-mistakes.ts'
import { countsCallers } from '../../rate-limits/route-limits.ts'
import type { ForwardedRouteOptions } from '../../route-options.ts'
import type { RouteTableOptions } from '../../table-options.ts'
import type { UpstreamOptions } from '../../upstream-options.ts'
import { checkDocument } from '../check-document.ts'
import { documentMistakes } from '../document-rules.ts'
import type { GatewayDocument } from '../gateway-schema.ts'
import type { Loose, MemberMistake } from '../member-mistakes.ts'
import { parseDocumentText } from '../parse-document-text.ts'
import { nearestPlace, placedInText, type DocumentMistake } from '../place-mistakes.ts'
import type { ReferenceSources } from '../replace-references.ts'
import { accessPolicy } from '../to-options.ts'
import { overlaidRouteMistakes, pushedRouteFor, notPushedMistakes, type OverlaidRoute } from './overlay-rules.ts'
import { overlaySchema, type OverlayDocument, type OverlayRoute } from './overlay-schema.ts'

/** A table with an overlay over it, or every mistake of the overlay, in the order of its text. */
export type OverlayReading =
  | { readonly table: RouteTableOptions; readonly mistakes: readonly [] }
  | { readonly table: null; readonly mistakes: readonly DocumentMistake[] }

/** An overlay reads nothing of this process. */
const NO_REFERENCES: ReferenceSources = {
  environment: {},
  folder: '',
  readFile: () => {
    throw new Error('an overlay reads no files')
  }
}

/**
 * Lays a text over a table that was pushed, in YAML or JSON: limits, and routes to its upstreams, which ask at least as
 * much of callers as those that were pushed. A route for the requests of a pushed one changes what it names. Never
 * throws for a text.
 * @param own routes of the app: one that shares requests with them is a mistake
 */
export function readRoutesOverlay(
  text: string,
  pushed: RouteTableOptions,
  own: readonly AppRoute[] = []
): OverlayReading {
  const { node, mistakes: broken } = parseDocumentText(text)
  if (node === null) return { table: null, mistakes: placedInText(text, broken) }
  const { value, places, mistakes } = checkDocument(overlaySchema, node, NO_REFERENCES)
  // The one place where a checked overlay gets its type; rules see only those members of it that are right.
  const loose = (value ?? {}) as Loose<OverlayDocument>
  const placed = (misfits: readonly MemberMistake[]) =>
    misfits.map(({ path, message }) => ({ at: nearestPlace(places, path), message }))
  const all = [...broken, ...mistakes, ...placed(documentMistakes(besidePushed(loose, pushed), own))]
  if (all.length > 0) return { table: null, mistakes: placedInText(text, all) }

  const overlay = value as OverlayDocument
  const made = (overlay.routes ?? []).map(route => overlaidRoute(route, pushed))
  const refused = [
    ...Object.keys(overlay.upstreams ?? {}).flatMap(name => notPushedMistakes(name, `upstreams/${name}`, pushed)),
    ...made.flatMap(({ mistakes: misfits }, place) =>
      misfits.map(({ path, message }) => ({ path: `routes/${place}/${path}`, message }))
    )
  ]
  if (refused.length > 0) return { table: null, mistakes: placedInText(text, placed(refused)) }
  const table = tableWithOverlay(
    pushed,
    overlay,
    made.flatMap(({ overlaid }) => overlaid ?? [])
  )
  // What is right in the overlay and does not fit what was pushed.
  const misfits = tableMistakes(table).map(message => ({
    path: 'routes',
    message: `with the pushed routes: ${message}`
  }))
  if (misfits.length > 0) return { table: null, mistakes: placedInText(text, placed(misfits)) }
  return { table, mistakes: [] }
}

/** For the rules of whole documents: what the overlay says of each upstream that was pushed, and its routes. */
function besidePushed(overlay: Loose<OverlayDocument>, { upstreams }: RouteTableOptions): Loose<GatewayDocument> {
  // Where they are was pushed, and is not to be checked here.
  const said = Object.entries({ ...upstreams, ...overlay.upstreams }).map(([name]) => {
    const upstream: Loose<GatewayDocument['upstreams'][string]> = { origin: undefined, ...overlay.upstreams?.[name] }
    return [name, upstream] as const
  })
  return { ...overlay, upstreams: Object.fromEntries(said) }
}

/** A route, unless its mistakes leave none. */
function overlaidRoute(
  given: OverlayRoute,
  pushed: RouteTableOptions
): { readonly overlaid: OverlaidRoute | null; readonly mistakes: readonly MemberMistake[] } {
  const { access, upstream, forward, ...members } = given
  const own = { ...members, ...defined({ upstream, forward, access: access && accessPolicy(access) }) }
  const changed = pushedRouteFor(given, pushed)
  if (changed !== null) {
    const overlaid = { route: { ...changed, ...own }, changed }
    return { overlaid, mistakes: overlaidRouteMistakes(overlaid, pushed) }
  }
  if (own.access === undefined || own.upstream === undefined || own.forward === undefined) {
    const missing = (['upstream', 'forward', 'access'] as const).filter(name => own[name] === undefined)
    const message = 'is missing: no pushed route is for these requests'
    return { overlaid: null, mistakes: missing.map(name => ({ path: name, message: `${name} ${message}` })) }
  }
  const asked = { access: own.access, upstream: own.upstream, forward: own.forward }
  const route = { ...own, ...asked, rateLimits: limitsOfUpstream(asked, pushed) }
  const overlaid = { route, changed }
  return { overlaid, mistakes: overlaidRouteMistakes(overlaid, pushed) }
}

/** Every limit that the pushed routes to the upstream have: another way to it is no way around them. */
function limitsOfUpstream(
  { access, upstream }: Pick<ForwardedRouteOptions, 'access' | 'upstream'>,
  { defaults, rateLimits = {}, routes }: RouteTableOptions
): readonly string[] {
  const toUpstream = routes.filter(route => route.upstream === upstream)
  const names = new Set(toUpstream.flatMap(route => route.rateLimits ?? defaults?.rateLimits ?? []))
  return [...names].filter(name => access !== 'public' || !countsCallers(rateLimits[name] ?? { per: 'route' }))
}

/** A changed route stands where it was pushed; the order of routes means nothing. */
function tableWithOverlay(
  pushed: RouteTableOptions,
  overlay: OverlayDocument,
  overlaid: readonly OverlaidRoute[]
): RouteTableOptions {
  const { defaults, upstreams, routes } = pushed
  const changes = new Map(overlaid.map(({ route, changed }) => [changed, route]))
  const limits = Object.entries(overlay.upstreams ?? {})
  return {
    ...pushed,
    defaults: { ...defaults, ...overlay.defaults },
    upstreams: {
      ...upstreams,
      ...Object.fromEntries(limits.flatMap(([name, own]) => withLimits(name, upstreams[name], own)))
    },
    routes: [
      ...routes.map(route => changes.get(route) ?? route),
      ...overlaid.filter(({ changed }) => changed === null).map(({ route }) => route)
    ]
  }
}

function withLimits(
  name: string,
  pushed: UpstreamOptions | undefined,
  limits: NonNullable<OverlayDocument['upstreams']>[string]
): Array<readonly [string, UpstreamOptions]> {
  return pushed === undefined ? [] : [[name, { ...pushed, ...limits }]]
}
