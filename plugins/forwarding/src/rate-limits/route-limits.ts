import type { Principal } from '@sallyport/security-context'
import { sourceOf } from '@sallyport/security-context/mechanics'
import type { FastifyRequest } from 'fastify'
import type { RateLimitOptions } from './rate-limit-options.ts'
import type { QuotaTake } from './rate-limit-store.ts'

/** A limit of a route, made for use. */
export interface RouteLimit {
  readonly name: string
  /** Names whom a request counts for. */
  readonly keyOf: (request: FastifyRequest) => string
  readonly quota: number
  readonly windowMs: number
  readonly whenAway: 'local' | 'open' | 'closed'
}

/** The limits of a route, by when they can be told. */
export interface RouteLimits {
  /** Before anybody knows who is calling. */
  readonly early: readonly RouteLimit[]
  readonly late: readonly RouteLimit[]
  /** The early ones and then the late ones, for an app that does not ask early. */
  readonly all: readonly RouteLimit[]
  /** `RateLimit-Policy` of its answers. */
  readonly policy: string
}

/** What the limits of a route depend on. */
export interface LimitedRoute {
  /** Name or path: the partition of a limit per route. */
  readonly name: string
  readonly isPublic: boolean
  /** Names of limits; those of callers hold for no public route. */
  readonly limits: readonly string[]
}

/** Makes the limits of a route; `null` for none, so that a route without limits pays nothing. */
export function makeRouteLimits(
  { name: route, isPublic, limits }: LimitedRoute,
  options: Readonly<Record<string, RateLimitOptions>>
): RouteLimits | null {
  const made = limits.flatMap(name => {
    const limit = options[name]
    return limit === undefined || (isPublic && countsCallers(limit))
      ? []
      : [{ limit, made: makeLimit(name, limit, route) }]
  })
  if (made.length === 0) return null
  const early = made.filter(({ limit }) => limit.per === 'source').map(each => each.made)
  const late = made.filter(({ limit }) => limit.per !== 'source').map(each => each.made)
  return {
    early,
    late,
    all: [...early, ...late],
    policy: made.map(({ limit, made: { name } }) => `"${name}";q=${limit.requests};w=${limit.windowSeconds}`).join(', ')
  }
}

/** Whether a limit counts callers that have to be known. */
export function countsCallers({ per }: Pick<RateLimitOptions, 'per'>): boolean {
  return per === 'principal' || per === 'client'
}

/** A limit of a request, as a store counts it. */
export function quotaTake({ keyOf, quota, windowMs }: RouteLimit, request: FastifyRequest): QuotaTake {
  return { key: keyOf(request), quota, windowMs }
}

function makeLimit(
  name: string,
  { per, requests, windowSeconds, whenAway = 'local' }: RateLimitOptions,
  route: string
) {
  return {
    name,
    keyOf: (request: FastifyRequest) => JSON.stringify([name, per, ...partition(per, request, route)]),
    quota: requests,
    windowMs: windowSeconds * 1000,
    whenAway
  }
}

/** A subject is one caller only together with its issuer, and so is a client. */
function partition(per: RateLimitOptions['per'], request: FastifyRequest, route: string): ReadonlyArray<string | null> {
  if (per === 'source') return [sourceOf(request.ip)]
  if (per === 'route') return [route]
  const { principal }: { readonly principal?: Principal | null } = request
  const { issuer = null, subject = null, clientId = null } = principal ?? {}
  return per === 'client' && clientId !== null ? [issuer, 'client', clientId] : [issuer, 'subject', subject]
}
