import { recordSecurityEvent } from '@sallyport/security-context'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { PreflightRefusedError } from './errors.ts'
import type { CorsOptions } from './route-options.ts'

/** What a route allows pages of other origins. */
export interface CorsPolicy {
  readonly origins: ReadonlySet<string> | '*'
  readonly methods: ReadonlySet<string>
  /** Lower-case names. */
  readonly requestHeaders: ReadonlySet<string>
  readonly exposedHeaders: string
  readonly credentials: boolean
  readonly maxAgeSeconds: number | undefined
}

/** @param methods those of the route */
export function corsPolicy(options: CorsOptions, methods: readonly string[]): CorsPolicy {
  const { origins, requestHeaders = [], exposedHeaders = [], credentials = false, maxAgeSeconds } = options
  return {
    origins: origins === '*' ? '*' : new Set(origins),
    methods: new Set(options.methods ?? methods),
    requestHeaders: new Set(requestHeaders.map(name => name.toLowerCase())),
    exposedHeaders: exposedHeaders.join(', '),
    credentials,
    maxAgeSeconds
  }
}

/**
 * The method of the request that a preflight asks for; `null` for any other request.
 * @see Fetch §3.3.2
 */
export function preflightMethod({ method, headers }: FastifyRequest): string | null {
  if (method !== 'OPTIONS' || headers.origin === undefined) return null
  return headers['access-control-request-method'] ?? null
}

/**
 * Answers a preflight. What is allowed is named exactly: never more than the route says, and never what the page asks.
 * @throws {PreflightRefusedError} `SALLYPORT_FORWARDING_PREFLIGHT_REFUSED`
 */
export function answerPreflight(request: FastifyRequest, reply: FastifyReply, policy: CorsPolicy | null): FastifyReply {
  void reply.header('vary', 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers')
  const refused = policy === null ? 'no-cross-origin' : preflightMistake(request, policy)
  if (policy === null || refused !== null) {
    recordSecurityEvent(request, { stage: 'forward', outcome: 'denied', reason: refused ?? 'no-cross-origin' })
    throw new PreflightRefusedError()
  }
  addOrigin(request, reply, policy)
  void reply.header('access-control-allow-methods', [...policy.methods].join(', '))
  if (policy.requestHeaders.size > 0) {
    void reply.header('access-control-allow-headers', [...policy.requestHeaders].join(', '))
  }
  if (policy.maxAgeSeconds !== undefined) void reply.header('access-control-max-age', String(policy.maxAgeSeconds))
  return reply.code(204).send()
}

/** Lets the page of an allowed origin read the answer, be it the service's or a refusal. Others get no word of it. */
export function allowReading(request: FastifyRequest, reply: FastifyReply, policy: CorsPolicy): void {
  if (policy.origins !== '*') void reply.header('vary', varyByOrigin(reply.getHeader('vary')))
  if (!isOriginAllowed(request.headers.origin, policy)) return
  addOrigin(request, reply, policy)
  if (policy.exposedHeaders !== '') void reply.header('access-control-expose-headers', policy.exposedHeaders)
}

function addOrigin({ headers }: FastifyRequest, reply: FastifyReply, { origins, credentials }: CorsPolicy): void {
  void reply.header('access-control-allow-origin', origins === '*' ? '*' : headers.origin)
  if (credentials) void reply.header('access-control-allow-credentials', 'true')
}

function preflightMistake({ headers }: FastifyRequest, policy: CorsPolicy): string | null {
  if (!isOriginAllowed(headers.origin, policy)) return 'origin-not-allowed'
  if (!policy.methods.has(headers['access-control-request-method'] ?? '')) return 'method-not-allowed'
  const names = (headers['access-control-request-headers'] ?? '').toLowerCase().split(',')
  const unknown = names.map(name => name.trim()).filter(name => name !== '' && !policy.requestHeaders.has(name))
  return unknown.length === 0 ? null : 'header-not-allowed'
}

function isOriginAllowed(origin: string | undefined, { origins }: CorsPolicy): boolean {
  return origin !== undefined && (origins === '*' || origins.has(origin))
}

/** Caches must not give one origin's answer to another. */
function varyByOrigin(vary: unknown): string {
  const names = [vary ?? []].flat().join(', ')
  if (/(?:^|,)\s*(?:origin|\*)\s*(?:,|$)/i.test(names)) return names
  return names === '' ? 'Origin' : `${names}, Origin`
}
