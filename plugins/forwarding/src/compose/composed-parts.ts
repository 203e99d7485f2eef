import { passingNames } from '../forwarded-headers.ts'
import type { ReadRouteTable } from '../table-options.ts'
import { makeTableRoute, type TableRoute } from '../table-route.ts'
import type { UpstreamConnections } from '../upstream.ts'

/** One of the answers that a composed answer is made of, made for use. */
export interface TablePart {
  readonly name: string
  readonly decides: boolean
  /** Segments of its path at the service; a number is the place of a segment in the path of the request. */
  readonly segments: ReadonlyArray<string | number>
  /** What goes there: upstream, credential, headers, and the limits of the upstream. */
  readonly route: TableRoute
}

/** A route whose answer is that of one service, or made of several. */
export interface RouteWithParts extends TableRoute {
  /** `null`: the answer is that of the upstream. */
  readonly parts: readonly TablePart[] | null
}

/**
 * What a client says of the one answer that it wants says nothing of the answers that it is made of: each is asked for
 * as a whole, in JSON, without a coding.
 */
const ABOUT_THE_ANSWER: readonly string[] = [
  ...['accept', 'accept-charset', 'accept-encoding', 'range', 'if-range', 'last-event-id', 'idempotency-key'],
  ...['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since']
]

/**
 * Makes a route of the table with the parts of its answer.
 * @param opened the upstreams of the table by name
 * @returns `null` where it names an upstream that there is none of
 */
export function makeRouteWithParts(
  { compose, ...route }: ReadRouteTable['routes'][number],
  table: ReadRouteTable,
  opened: ReadonlyMap<string, UpstreamConnections>
): RouteWithParts | null {
  const upstream = opened.get(route.upstream)
  if (upstream === undefined) return null
  const made = makeTableRoute(route, upstream, table.upstreams[route.upstream]?.timeouts ?? {}, table)
  if (compose === undefined) return { ...made, parts: null }
  const places = route.path.split('/')
  const setNames = made.setFields.filter((_text, at) => at % 2 === 0)
  const additional = [...(table.defaults.requestHeaders?.pass ?? []), ...(route.requestHeaders?.pass ?? [])]
  const passing = passingNames(
    additional.map(name => name.toLowerCase()),
    [...setNames, ...ABOUT_THE_ANSWER]
  )
  const setFields = [
    ...made.setFields.filter((_text, at) => setNames[at >> 1] !== 'accept'),
    'accept',
    'application/json'
  ]
  const parts = Object.entries(compose).flatMap(
    ([name, { path, upstream: own = route.upstream, forward, decides }]) => {
      const ofPart = opened.get(own)
      if (ofPart === undefined) return []
      const { timeouts: _ofRoute, ...shared } = route
      const asked = { ...shared, path, upstream: own, forward: forward ?? route.forward }
      const partRoute = makeTableRoute(asked, ofPart, table.upstreams[own]?.timeouts ?? {}, table)
      const segments = path.split('/').map(segment => (segment.startsWith(':') ? places.indexOf(segment) : segment))
      return [{ name, decides, segments, route: { ...partRoute, passing, setFields } }]
    }
  )
  return { ...made, parts }
}

/** The path of a part, of the segments that the request has: what was checked is what goes on, byte for byte. */
export function partPath({ segments }: TablePart, received: readonly string[]): string {
  return segments.map(segment => (typeof segment === 'string' ? segment : (received[segment] ?? ''))).join('/')
}
