import {
  errors,
  noteAuditQuery,
  parseAuditPage,
  parseAuditQuery,
  searchTrails,
  visibleJson,
  type AuditPage,
  type AuditQuery,
  type TrailSource
} from '@sallyport/audit-log'
import type { RouteAccess } from '@sallyport/security-context'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'

/** The trail of another process. */
export interface UpstreamTrail {
  /** Audience of its tokens, and its name in the answer. */
  readonly audience: string
  /** Path of its audit route. */
  readonly path: string
}

/** Options of {@link auditSearch}. */
export interface AuditSearchOptions {
  /** Name of the gateway's own trail. */
  readonly process: string
  readonly trails: readonly UpstreamTrail[]
  readonly access: RouteAccess
  /** How long each trail may take, in ms; who takes longer is missing. */
  readonly timeoutMs: number
}

/** Rows of a page: so many that one answer of a process stays small. */
const MOST_ROWS = 100

/**
 * `GET /audit/events`: one search over the trails of all processes, merged by time. It takes the filters of every audit
 * route; `after` is the `next` of the page before. Each process decides by itself whether the caller may read its
 * trail, and records that. Who does not answer is named in `missing`. Needs the audit log and, for the trails of
 * others, the token exchange.
 */
export const auditSearch = fastifyPlugin(
  async function auditSearch(fastify: FastifyInstance, options: AuditSearchOptions) {
    const config = { access: options.access, audit: { action: 'audit.search' } }
    fastify.get('/audit/events', { config }, async function answerSearch(request, reply) {
      const { after, ...filters } = stringMembers(request.query)
      const query = parseAuditQuery(filters)
      if (query.limit > MOST_ROWS) throw new errors.AuditQueryInvalidError('limit')
      noteAuditQuery(request, { ...query, after })
      const sources = [ownTrail(fastify, options), ...options.trails.map(trail => upstreamTrail(request, trail))]
      const page = await searchTrails(sources, query, after, options.timeoutMs)
      return reply.type('application/json').header('cache-control', 'no-store').serializer(visibleJson).send(page)
    })
  },
  { name: 'audit-search', fastify: '5.x' }
)

/** A repeated parameter stays a list, which the parser of the query refuses by its name. */
function stringMembers(query: unknown): Readonly<Record<string, unknown>> & { readonly after?: string } {
  const { after, ...filters } = Object.fromEntries(Object.entries(query ?? {}))
  if (after !== undefined && typeof after !== 'string') throw new errors.AuditQueryInvalidError('after')
  return { ...filters, ...(after !== undefined && { after }) }
}

function ownTrail(fastify: FastifyInstance, { process }: AuditSearchOptions): TrailSource {
  return { name: process, read: async query => await fastify.readAuditTrail(query) }
}

function upstreamTrail(request: FastifyRequest, { audience, path }: UpstreamTrail): TrailSource {
  return {
    name: audience,
    read: async query => {
      const { statusCode, body } = await request
        .callAs(audience)
        .request({ method: 'GET', path: `${path}?${auditQueryText(query)}` })
      const page: AuditPage | null = statusCode === 200 ? parseAuditPage(body) : null
      if (page === null) throw Object.assign(new Error('no page of a trail'), { code: `status-${statusCode}` })
      return page
    }
  }
}

/** A query as the audit route of another process takes it. */
export function auditQueryText(query: Partial<AuditQuery>): string {
  const members = Object.entries(query).map(([name, value]): [string, string] => [
    name,
    value instanceof Date ? value.toISOString() : String(value)
  ])
  return new URLSearchParams(members).toString()
}

/**
 * Reads `audience=https://origin/path`.
 * @returns `null` for any other text
 */
export function parseUpstreamTrail(text: string): (UpstreamTrail & { readonly origin: string }) | null {
  const [, audience, url] = /^([a-z0-9-]{1,64})=(https?:\/\/\S+)$/.exec(text) ?? []
  if (audience === undefined || url === undefined || !URL.canParse(url)) return null
  const { origin, pathname: path, search, hash, username } = new URL(url)
  return search === '' && hash === '' && username === '' ? { audience, origin, path } : null
}
