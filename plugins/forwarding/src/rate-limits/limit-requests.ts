import { recordSecurityEvent, type Measurement } from '@sallyport/security-context'
import type { FastifyError } from '@fastify/error'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { LimitsUnavailableError, RateLimitedError } from '../errors.ts'
import { tryAgain } from '../upstream-failure.ts'
import type { QuotaStanding, RateLimitStore } from './rate-limit-store.ts'
import { quotaTake, type RouteLimit, type RouteLimits } from './route-limits.ts'
import type { SharedLimits } from './shared-limits.ts'

const COUNTED_EARLY = Symbol('sallyport.forwarding.counted-early')

declare module 'fastify' {
  interface FastifyRequest {
    /** `RateLimit` of the limits that the request was counted in before anybody knew who is calling. */
    [COUNTED_EARLY]?: string
  }
}

/** The slot of a request, for its decoration. */
export const LIMITS_SLOT = COUNTED_EARLY

/** What counts the requests of an app. */
export interface RequestLimiterParts {
  /** What several processes share; `null` when each counts for itself. */
  readonly shared: SharedLimits | null
  /** Of this process. */
  readonly local: RateLimitStore
  /** How many processes share a limit that each counts for itself. */
  readonly processes: number
}

/** Calls back with a refusal, or with nothing for a request that is admitted. */
export type Admitted = (refusal?: Error) => void

/** A limit and how it stands. */
interface LimitStanding {
  readonly limit: RouteLimit
  readonly standing: QuotaStanding
}

/** Holds requests to the limits of their route. */
export class RequestLimiter {
  readonly #parts: RequestLimiterParts
  readonly #refused = new Map<string, number>()

  constructor(parts: RequestLimiterParts) {
    this.#parts = parts
  }

  /** Before anybody knows who is calling: guesses of credentials count too. */
  admitSource(request: FastifyRequest, reply: FastifyReply, limits: RouteLimits, admitted: Admitted): void {
    if (limits.early.length === 0) return admitted()
    this.#admit(request, reply, { limits, counted: limits.early }, admitted)
  }

  /** When the caller is known; with the limits by source where nobody has asked for them before. */
  admitCaller(request: FastifyRequest, reply: FastifyReply, limits: RouteLimits, admitted: Admitted): void {
    const counted = request[COUNTED_EARLY] === undefined ? limits.all : limits.late
    if (counted.length === 0) return admitted()
    this.#admit(request, reply, { limits, counted }, admitted)
  }

  /** What operators watch. */
  measurements(): Measurement[] {
    const { shared } = this.#parts
    return [
      {
        name: 'sallyport_rate_limited_requests_total',
        help: 'Requests that a rate limit refused',
        kind: 'counter',
        labels: ['limit'],
        read: () => [...this.#refused].map(([limit, value]) => ({ labels: { limit }, value }))
      },
      {
        name: 'sallyport_rate_limit_store_failures_total',
        help: 'Times that the shared store of rate limits was asked and gave no answer',
        kind: 'counter',
        read: () => shared?.failures() ?? 0
      },
      {
        name: 'sallyport_rate_limit_store_away',
        help: 'Whether the shared store of rate limits is away',
        kind: 'gauge',
        amongWorkers: 'max',
        read: () => Number(shared?.isAway() ?? false)
      }
    ]
  }

  #admit(
    request: FastifyRequest,
    reply: FastifyReply,
    { limits, counted }: { readonly limits: RouteLimits; readonly counted: readonly RouteLimit[] },
    admitted: Admitted
  ): void {
    const decide = (standings: readonly LimitStanding[] | FastifyError): void => {
      admitted(standings instanceof Error ? standings : this.#decide(request, reply, limits, standings))
    }
    const { shared } = this.#parts
    if (shared === null) {
      this.#countLocally(request, counted).then(decide, admitted)
      return
    }
    shared
      .take(counted.map(limit => quotaTake(limit, request)))
      .then(answer =>
        answer === null
          ? this.#countWithoutStore(request, counted)
          : answer.map((standing, place) => ({ limit: counted[place], standing })).filter(isOfLimit)
      )
      .then(decide, admitted)
  }

  /** What each limit says for the time without the store. */
  async #countWithoutStore(
    request: FastifyRequest,
    counted: readonly RouteLimit[]
  ): Promise<readonly LimitStanding[] | FastifyError> {
    if (counted.some(({ whenAway }) => whenAway === 'closed')) {
      recordSecurityEvent(request, { stage: 'forward', outcome: 'failure', reason: 'rate-limits-unavailable' })
      return tryAgain(new LimitsUnavailableError())
    }
    return await this.#countLocally(
      request,
      counted.filter(({ whenAway }) => whenAway === 'local')
    )
  }

  /** Each process has its share: together they admit no more than the limit, but for one request each. */
  async #countLocally(request: FastifyRequest, counted: readonly RouteLimit[]): Promise<readonly LimitStanding[]> {
    const { local, processes } = this.#parts
    const takes = counted.map(limit => {
      const take = quotaTake(limit, request)
      return { ...take, quota: Math.max(1, Math.floor(take.quota / processes)) }
    })
    const standings = await local.take(takes)
    return standings.map((standing, place) => ({ limit: counted[place], standing })).filter(isOfLimit)
  }

  #decide(
    request: FastifyRequest,
    reply: FastifyReply,
    { policy }: RouteLimits,
    standings: readonly LimitStanding[]
  ): FastifyError | undefined {
    const before = request[COUNTED_EARLY]
    const items = standings.map(({ limit, standing }) => serviceLimit(limit, standing))
    const all = before === undefined || before === '' ? items : [before, ...items]
    request[COUNTED_EARLY] = all.join(', ')
    void reply.header('ratelimit-policy', policy)
    if (all.length > 0) void reply.header('ratelimit', all.join(', '))
    const full = standings.filter(({ standing }) => !standing.hasRoom)
    const [first] = full
    if (first === undefined) return undefined
    for (const { limit } of full) this.#refused.set(limit.name, (this.#refused.get(limit.name) ?? 0) + 1)
    recordSecurityEvent(request, {
      stage: 'forward',
      outcome: 'denied',
      reason: 'rate-limited',
      detail: { limit: first.limit.name }
    })
    // Not earlier than any of the limits has room, as the draft asks.
    const waitMs = Math.max(...full.map(({ standing }) => standing.moreInMs))
    return Object.assign(new RateLimitedError(), { headers: { 'retry-after': String(wholeSeconds(waitMs)) } })
  }
}

function isOfLimit(pair: { limit: RouteLimit | undefined; standing: QuotaStanding }): pair is LimitStanding {
  return pair.limit !== undefined
}

/** @see draft-ietf-httpapi-ratelimit-headers-10, "Service Limit Item" */
function serviceLimit({ name }: RouteLimit, { remaining, moreInMs }: QuotaStanding): string {
  return `"${name}";r=${remaining};t=${wholeSeconds(moreInMs)}`
}

function wholeSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000))
}
