import type { RouteAccess, StepUp } from '@sallyport/security-context'
import type { AnswerLimits } from '../bound-call.ts'
import { targetMistake } from '../canonical-path.ts'
import { makeRouteWithParts, type TablePart } from '../compose/composed-parts.ts'
import type { CorsOptions, ExchangedCredential } from '../route-options.ts'
import { createRouteMatcher, methodsOfRoute, type RoutePattern } from '../match-route.ts'
import { readRouteTable } from '../options.ts'
import type { RouteTableOptions } from '../table-options.ts'
import { rewritePath, type TableRoute } from '../table-route.ts'
import { targetName, type ReadUpstream } from '../upstream-options.ts'
import { UpstreamConnections } from '../upstream.ts'
import type { ReadWebSocket } from '../web-socket/web-socket-options.ts'

/** A route with everything that holds for it, defaults included. Says no value that a header is set to. */
export interface RouteDescription {
  readonly name: string
  readonly path: string
  /** `null` for every host. */
  readonly hosts: readonly string[] | null
  readonly methods: readonly string[]
  readonly access: RouteAccess
  /** `null` for every strategy of the app. */
  readonly strategies: readonly string[] | null
  /** `null`: every login will do. */
  readonly stepUp: StepUp | null
  readonly upstream: string
  /** That of the first target. */
  readonly origin: string
  /** Everywhere the upstream runs. */
  readonly targets: ReadonlyArray<{ readonly name: string; readonly origin: string; readonly weight: number }>
  /** What holds when the upstream fails; `null` for what is not wanted. */
  readonly guards: UpstreamGuards
  /** `null`: the answer is that of the upstream. */
  readonly compose: readonly PartDescription[] | null
  readonly credential: ExchangedCredential | 'token' | 'none'
  readonly requestHeaders: { readonly pass: readonly string[]; readonly set: readonly string[] }
  readonly responseHeaders: { readonly set: readonly string[]; readonly remove: readonly string[] }
  readonly maxBodyBytes: number
  /** In ms; the whole answer of a stream has no limit. */
  readonly limits: AnswerLimits
  readonly stream: boolean
  /** Names of limits of requests. */
  readonly rateLimits: readonly string[]
  readonly cors: CorsOptions | null
  /** `null`: none of its requests may switch protocols. */
  readonly webSocket: ReadWebSocket | null
}

/** What guards an upstream, with its defaults; `null` for what is not wanted. */
export type UpstreamGuards = {
  readonly [Guard in GuardName]: NonNullable<ReadUpstream[Guard]> | null
}
type GuardName = 'healthCheck' | 'ejection' | 'retries' | 'breaker' | 'bulkhead'

/** A part of a composed answer. */
export interface PartDescription {
  readonly name: string
  readonly decides: boolean
  /** With the parameters of the route. */
  readonly target: string
  readonly upstream: string
  readonly credential: ExchangedCredential | 'token' | 'none'
}

/** What becomes of one request. */
export type RequestExplanation =
  | { readonly outcome: 'forwarded'; readonly route: RouteDescription; readonly target: string }
  /** More than one reading: refused before any route is looked for. */
  | { readonly outcome: 'ambiguous'; readonly mistake: string }
  | { readonly outcome: 'no-route' }

/** A request to be explained. */
export interface ExplainedRequest {
  readonly method: string
  /** Path and query. */
  readonly url: string
  readonly host: string
}

interface DescribedRoute extends RoutePattern {
  readonly made: TableRoute
  readonly description: RouteDescription
}

/**
 * Every route of a table, made as the plugin makes it.
 * @throws {ForwardingOptionsError} `SALLYPORT_FORWARDING_OPTIONS_INVALID`, naming every mistake
 */
export function describeRoutes(table: RouteTableOptions): RouteDescription[] {
  return describedRoutes(table).map(({ description }) => description)
}

/**
 * What becomes of a request, by the matcher that serves. Sends nothing.
 * @throws {ForwardingOptionsError} `SALLYPORT_FORWARDING_OPTIONS_INVALID`, naming every mistake
 */
export function explainRequest(table: RouteTableOptions, { method, url, host }: ExplainedRequest): RequestExplanation {
  const mistake = targetMistake(url)
  if (mistake !== null) return { outcome: 'ambiguous', mistake }
  const queryAt = url.indexOf('?')
  const [path, query] = queryAt === -1 ? [url, ''] : [url.slice(0, queryAt), url.slice(queryAt)]
  const found = createRouteMatcher(describedRoutes(table)).find(method, host.toLowerCase(), path)
  if (found === null || !path.startsWith(found.made.rewriting.from)) return { outcome: 'no-route' }
  const target = `${found.made.origin}${rewritePath(found.made.rewriting, path)}${query}`
  return { outcome: 'forwarded', route: found.description, target }
}

function describedRoutes(given: RouteTableOptions): DescribedRoute[] {
  const table = readRouteTable(given)
  const { defaults, upstreams, routes } = table
  // Opens nothing: connections are made by the first request.
  const opened = new Map(
    Object.entries(upstreams).map(([name, options]) => [name, new UpstreamConnections(name, options, {})])
  )
  return routes.flatMap(route => {
    const made = makeRouteWithParts(route, table, opened)
    const options = upstreams[route.upstream]
    if (made === null || options === undefined) return []
    const { requestHeaders, responseHeaders, hosts = null, strategies = null, stepUp = null, cors = null } = route
    const description: RouteDescription = {
      name: route.name ?? route.path,
      path: route.path,
      hosts,
      methods: methodsOfRoute(route),
      access: route.access,
      strategies,
      stepUp,
      upstream: route.upstream,
      origin: made.origin,
      targets: describedTargets(options, made.origin),
      guards: describedGuards(options),
      compose:
        made.parts === null ? null : made.parts.map(part => describedPart(part, route.compose?.[part.name]?.path)),
      credential: made.credential,
      requestHeaders: {
        pass: [...new Set(made.passing.withBody.values())].toSorted(),
        set: lowerCaseNames(requestHeaders?.set)
      },
      responseHeaders: {
        set: lowerCaseNames(responseHeaders?.set),
        remove: (responseHeaders?.remove ?? []).map(name => name.toLowerCase())
      },
      maxBodyBytes: made.maxBodyBytes,
      limits: made.limits,
      stream: made.stream,
      rateLimits: [...(route.rateLimits ?? defaults.rateLimits ?? [])],
      cors,
      webSocket: made.webSocket
    }
    return [{ path: route.path, hosts: route.hosts, methods: route.methods, made, description }]
  })
}

function describedTargets({ targets }: ReadUpstream, origin: string): RouteDescription['targets'] {
  return (targets ?? [{ origin, weight: 1 }]).map(({ name, weight, origin: at }, place) => ({
    name: targetName(name, place),
    origin: at,
    weight
  }))
}

function describedGuards(options: ReadUpstream): UpstreamGuards {
  const { healthCheck = null, ejection = null, retries = null, breaker = null, bulkhead = null } = options
  return { healthCheck, ejection, retries, breaker, bulkhead }
}

function describedPart({ name, decides, route }: TablePart, path = ''): PartDescription {
  const { origin, credential, upstream } = route
  return { name, decides, target: origin + path, upstream: upstream.name, credential }
}

function lowerCaseNames(fields: Readonly<Record<string, string>> | undefined): string[] {
  return Object.keys(fields ?? {}).map(name => name.toLowerCase())
}
