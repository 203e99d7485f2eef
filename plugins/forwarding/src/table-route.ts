import type { EffectiveRoute } from '@sallyport/security-context'
import { defined } from '@sallyport/security-context/mechanics'
import type { AnswerLimits } from './bound-call.ts'
import { corsPolicy, type CorsPolicy } from './cors.ts'
import { passingNames, type PassingNames } from './forwarded-headers.ts'
import type { LingerLimits } from './linger.ts'
import { methodsOfRoute, type RoutePattern } from './match-route.ts'
import { makeRouteLimits, type RouteLimits } from './rate-limits/route-limits.ts'
import type { ReadRouteTable } from './table-options.ts'
import type { ExchangedCredential } from './route-options.ts'
import type { UpstreamConnections } from './upstream.ts'
import type { AnswerTimeouts } from './upstream-options.ts'
import type { ReadWebSocket } from './web-socket/web-socket-options.ts'

/** A route of the table, made for use: nothing is defaulted or joined per request. */
export interface TableRoute extends RoutePattern {
  /** What everything else of the app decides by. */
  readonly effective: EffectiveRoute
  /** The same for a preflight, which nobody authenticates and nobody forwards. */
  readonly preflight: EffectiveRoute
  readonly upstream: UpstreamConnections
  readonly credential: ExchangedCredential | 'token' | 'none'
  /** Names the service in events: the audience of its token, else the name of the upstream. */
  readonly audience: string
  /** Scheme, host and port of the upstream. */
  readonly origin: string
  readonly isPublic: boolean
  readonly rewriting: PathRewriting
  readonly passing: PassingNames
  /** Names and values in turn. */
  readonly setFields: readonly string[]
  readonly answerRules: AnswerFieldRules
  readonly maxBodyBytes: number
  readonly limits: AnswerLimits
  readonly linger: LingerLimits
  readonly stream: boolean
  /** `null`: its requests are not counted. */
  readonly rateLimits: RouteLimits | null
  readonly cors: CorsPolicy | null
  /** `null`: none of its requests may switch protocols. */
  readonly webSocket: ReadWebSocket | null
}

/** How a path at the app becomes one at the service. */
export interface PathRewriting {
  /** What every path of the route begins with; with a rewrite, what is replaced. */
  readonly from: string
  /** `null`: the same path. */
  readonly to: string | null
}

/** What a route says about the header fields of answers; lower-case names. */
export interface AnswerFieldRules {
  readonly remove: ReadonlySet<string>
  readonly set: Readonly<Record<string, string>>
  readonly cacheControl: string | null
}

type ReadRoute = ReadRouteTable['routes'][number]
type ReadDefaults = ReadRouteTable['defaults']

const HEAD_MS = 10_000
const PAUSE_MS = 10_000
const TOTAL_MS = 30_000
/** How long a connection with an unread body is kept for the answer to arrive, in ms. */
const LINGER_MS = 5_000

/** Makes a route of the table from its options. */
export function makeTableRoute(
  route: ReadRoute,
  upstream: UpstreamConnections,
  ofUpstream: AnswerTimeouts,
  { defaults, rateLimits }: Pick<ReadRouteTable, 'defaults' | 'rateLimits'>
): TableRoute {
  const { path, access, strategies, stepUp, forward, requestHeaders, cors, stream = false } = route
  const url = route.name ?? path
  const maxBodyBytes = route.maxBodyBytes ?? defaults.maxBodyBytes
  const setFields = Object.entries(requestHeaders?.set ?? {}).map(
    ([name, value]) => [name.toLowerCase(), value] as const
  )
  const set = setFields.map(([name]) => name)
  const additional = [...(defaults.requestHeaders?.pass ?? []), ...(requestHeaders?.pass ?? [])]
  const limits = route.rateLimits ?? defaults.rateLimits ?? []
  const limitsOfRoute = makeRouteLimits({ name: url, isPublic: access === 'public', limits }, rateLimits)
  return {
    path,
    hosts: route.hosts,
    methods: route.methods,
    // The service records the effect in its own trail; refusals at the edge are recorded here.
    effective: effectiveAs(url, { access, audit: 'none', ...defined({ strategies, stepUp }) }),
    preflight: effectiveAs(url, { access: 'public', audit: 'none' }),
    upstream,
    credential: forward,
    audience: typeof forward === 'object' ? forward.audience : upstream.name,
    origin: upstream.origin,
    isPublic: access === 'public',
    rewriting: pathRewriting(path, route.rewrite),
    passing: passingNames(
      additional.map(name => name.toLowerCase()),
      set
    ),
    setFields: setFields.flat(),
    answerRules: answerFieldRules(route, limitsOfRoute === null ? [] : LIMIT_FIELDS),
    maxBodyBytes,
    linger: { maxBytes: maxBodyBytes, maxMs: LINGER_MS },
    limits: answerLimits(route, ofUpstream, defaults),
    stream,
    rateLimits: limitsOfRoute,
    cors: cors === undefined ? null : corsPolicy(cors, methodsOfRoute(route)),
    webSocket: route.webSocket ?? null
  }
}

/** The path at the service of a path that the route matched. */
export function rewritePath({ from, to }: PathRewriting, path: string): string {
  if (to === null) return path
  const rest = path.slice(from.length)
  return to.endsWith('/') && rest.startsWith('/') ? to + rest.slice(1) : to + rest || '/'
}

/** Where a redirect of the service leads at the app; one that leads elsewhere stays what it is. */
export function rewriteLocation({ from, to }: PathRewriting, location: string): string {
  if (to === null || !location.startsWith(to)) return location
  const rest = location.slice(to.length)
  const isBelow = rest === '' || to.endsWith('/') || /^[/?#]/.test(rest)
  if (!isBelow || location.startsWith('//')) return location
  return to.endsWith('/') && !from.endsWith('/') ? `${from}/${rest}` : from + rest
}

function effectiveAs(url: string, config: EffectiveRoute['config']): EffectiveRoute {
  return Object.freeze({ url, config: Object.freeze(config), found: true })
}

function pathRewriting(path: string, rewrite: string | undefined): PathRewriting {
  const from = path.replace(/\/?\*$/, '').replace(/:.*/s, '')
  return { from, to: rewrite === undefined || rewrite === from ? null : rewrite }
}

/** On a route with limits the fields say how its client stands here, not how the app stands at the service. */
const LIMIT_FIELDS: readonly string[] = ['ratelimit', 'ratelimit-policy']

function answerFieldRules(route: ReadRoute, ownFields: readonly string[]): AnswerFieldRules {
  const { responseHeaders, cacheControl, contentSecurityPolicy } = route
  const set = Object.entries(responseHeaders?.set ?? {}).map(([name, value]) => [name.toLowerCase(), value])
  return {
    remove: new Set([...ownFields, ...(responseHeaders?.remove ?? []).map(name => name.toLowerCase())]),
    set: Object.fromEntries([
      ...set,
      ...(contentSecurityPolicy === undefined ? [] : [['content-security-policy', contentSecurityPolicy]])
    ]),
    cacheControl: cacheControl ?? null
  }
}

function answerLimits(route: ReadRoute, ofUpstream: AnswerTimeouts, defaults: ReadDefaults): AnswerLimits {
  const own = { ...ofUpstream, ...route.timeouts }
  const headMs = own.headMs ?? defaults.timeouts?.headMs ?? HEAD_MS
  if (route.stream === true) return { headMs, pauseMs: own.pauseMs ?? defaults.streamPauseMs, totalMs: null }
  const totalMs = own.totalMs ?? defaults.timeouts?.totalMs ?? TOTAL_MS
  // The two may come from different places.
  return { headMs: Math.min(headMs, totalMs), pauseMs: own.pauseMs ?? defaults.timeouts?.pauseMs ?? PAUSE_MS, totalMs }
}
