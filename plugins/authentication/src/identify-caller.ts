import type { FastifyError, FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import { effectiveRoute, recordSecurityEvent, type SecurityEvent } from '@sallyport/security-context'
import { readAuthorization, type PresentedAuthorization } from './authorization-header.ts'
import { AmbiguousCredentialsError, CredentialsRequiredError } from './errors.ts'
import { leadToLogin } from './login/lead-to-login.ts'
import type { LoginEntry } from './login/login-entry.ts'
import type { StrategiesOfRoute } from './route-strategies.ts'
import { insufficientAuthentication, type StepUpClock } from './check-step-up.ts'
import type { RenewToken, Strategy, StrategyResult } from './strategy.ts'

/**
 * The hook that finds out who is calling, with the strategies of the route in their order. A caller whom a strategy
 * knows is identified within the call of the hook, without a promise.
 */
export function authenticateWith({ all, strategiesOfRoute, login, stepUpClock }: Identification): onRequestHookHandler {
  const accepted = new Map(all.map(strategy => [strategy, acceptedEvent(strategy)]))
  const sessionStrategy = all.find(({ name }) => name === 'session') ?? null

  return function authenticate(request, reply, next) {
    const { found, config } = effectiveRoute(request)
    if (!found || config.access === 'public') {
      next()
      return
    }
    let identified: Promise<void> | null
    try {
      identified = identify(request, reply, strategiesOfRoute(config))
    } catch (error) {
      refuse(request, reply, error, next)
      return
    }
    if (identified === null) admit(request, reply, next)
    else {
      identified.then(
        () => {
          admit(request, reply, next)
        },
        (error: unknown) => {
          refuse(request, reply, error, next)
        }
      )
    }
  }

  /** Whoever is known passes, unless the route asks for more than that. */
  function admit(request: FastifyRequest, reply: FastifyReply, next: (error?: Error) => void): void {
    const { stepUp } = effectiveRoute(request).config
    const insufficient = stepUp === undefined ? null : insufficientAuthentication(request, stepUp, stepUpClock)
    if (insufficient === null) next()
    else refuse(request, reply, insufficient, next)
  }

  /** A person is sent to the login, whoever else could log in is told where. */
  function refuse(request: FastifyRequest, reply: FastifyReply, error: unknown, next: (error: Error) => void): void {
    const { config } = effectiveRoute(request)
    const takesSession = sessionStrategy !== null && strategiesOfRoute(config).includes(sessionStrategy)
    if (!takesSession || !leadToLogin(login, request, reply, error)) next(errorOf(error))
  }

  /**
   * @returns `null` when the caller is identified
   * @throws the refusal, also by the promise
   */
  function identify(
    request: FastifyRequest,
    reply: FastifyReply,
    strategies: readonly Strategy[]
  ): Promise<void> | null {
    const authorization = readAuthorization(request.raw.rawHeaders)
    if (authorization.kind === 'ambiguous') {
      throw recordRefusedCaller(request, null, new AmbiguousCredentialsError())
    }
    let at = 0
    for (const strategy of strategies) {
      const answer = strategy.authenticate(request, reply, authorization)
      if (!('kind' in answer)) return identifyLater(answer, { request, reply, authorization, strategies, at })
      if (isDecided(request, answer, strategy, strategies)) return null
      at++
    }
    throw refusedByNobody(request, strategies)
  }

  /** Goes on where a strategy needs time. */
  async function identifyLater(answer: Promise<StrategyResult>, asked: AskedCaller): Promise<void> {
    const { request, reply, authorization, strategies, at } = asked
    let pending: StrategyResult | Promise<StrategyResult> = answer
    for (const [index, strategy] of strategies.entries()) {
      if (index < at) continue
      if (index > at) pending = strategy.authenticate(request, reply, authorization)
      if (isDecided(request, await pending, strategy, strategies)) return
    }
    throw refusedByNobody(request, strategies)
  }

  /** @throws the refusal */
  function isDecided(
    request: FastifyRequest,
    result: StrategyResult,
    strategy: Strategy,
    strategies: readonly Strategy[]
  ): boolean {
    if (result.kind === 'not-applicable') return false
    if (result.kind === 'refused') {
      const error = withChallenges(request, result.error, strategies, strategy)
      throw recordRefusedCaller(request, strategy, error, result.about)
    }
    request.principal = result.principal
    request.accessToken = result.accessToken
    request.knownCaller = result.caller ?? null
    request.loginFacts = result.login ?? null
    request.dpopKey = result.dpopKey ?? null
    request.renewAccessToken = result.renew === undefined ? null : renewOnce(request, result.renew)
    recordSecurityEvent(request, accepted.get(strategy) ?? acceptedEvent(strategy))
    return true
  }
}

/** What the hook works with. */
export interface Identification {
  readonly all: readonly Strategy[]
  readonly strategiesOfRoute: StrategiesOfRoute
  readonly login: LoginEntry
  readonly stepUpClock: StepUpClock
}

const errorOf = (error: unknown): Error =>
  error instanceof Error ? error : new Error('The caller could not be identified', { cause: error })

/** Where the search for a caller stands. */
interface AskedCaller {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly authorization: PresentedAuthorization
  readonly strategies: readonly Strategy[]
  /** Index of the strategy that is answering. */
  readonly at: number
}

function refusedByNobody(request: FastifyRequest, strategies: readonly Strategy[]): FastifyError {
  return recordRefusedCaller(request, null, withChallenges(request, new CredentialsRequiredError(), strategies, null))
}

/**
 * Every way to authenticate on this route is offered with each 401; the one that was tried says what was wrong with it.
 * Strategies that share a scheme offer it once.
 * @see RFC 9110 §11.6.1, RFC 6750 §3
 */
function withChallenges(
  request: FastifyRequest,
  error: FastifyError & RefusalDetails,
  strategies: readonly Strategy[],
  tried: Strategy | null
): FastifyError {
  if (error.statusCode !== 401) return error
  const own = error.headers?.['www-authenticate'] ?? null
  const challenges = new Set(
    strategies
      .map(strategy => {
        if (strategy === tried) return own
        const challenge = strategy.challengeFor === undefined ? strategy.challenge : strategy.challengeFor(request)
        return challenge === tried?.challenge ? own : challenge
      })
      .filter(challenge => challenge !== null)
  )
  if (challenges.size === 0) return error
  return Object.assign(error, { headers: { ...error.headers, 'www-authenticate': [...challenges].join(', ') } })
}

interface RefusalDetails {
  readonly headers?: Readonly<Record<string, string>>
  readonly reason?: unknown
}

type About = Extract<StrategyResult, { kind: 'refused' }>['about']

function recordRefusedCaller(
  request: FastifyRequest,
  strategy: Strategy | null,
  error: FastifyError & RefusalDetails,
  about: About = {}
): FastifyError {
  recordSecurityEvent(request, {
    stage: 'authentication',
    outcome: (error.statusCode ?? 500) >= 500 ? 'failure' : 'denied',
    reason: typeof error.reason === 'string' ? error.reason : reasonOfCode(error.code),
    ...about,
    detail: { strategy: strategy?.name ?? null }
  })
  return error
}

/** `SALLYPORT_AUTHENTICATION_KEYS_UNAVAILABLE` is the reason `keys-unavailable`. */
function reasonOfCode(code: string): string {
  return code
    .replace(/^SALLYPORT_(?:AUTHENTICATION_)?/, '')
    .toLowerCase()
    .replaceAll('_', '-')
}

function acceptedEvent({ name }: Strategy): SecurityEvent {
  return Object.freeze({
    stage: 'authentication',
    outcome: 'success',
    reason: 'authenticated',
    detail: Object.freeze({ strategy: name })
  })
}

/**
 * What `request.renewAccessToken` does: however many stages of the request ask, the token is renewed once, and the
 * slots `principal` and `accessToken` hold what came of it. A token of somebody else is never taken.
 */
function renewOnce(request: FastifyRequest, renew: RenewToken): () => Promise<string | null> {
  let renewed: Promise<string | null> | null = null
  return async function renewAccessToken() {
    renewed ??= renewNow(request, renew)
    return await renewed
  }
}

async function renewNow(request: FastifyRequest, renew: RenewToken): Promise<string | null> {
  const { principal, accessToken } = request
  if (principal === null || accessToken === null) return null
  const verified = await renew(accessToken)
  if (verified === null) return null
  const { issuer, subject } = verified.principal
  if (subject !== principal.subject || issuer !== principal.issuer) return null
  request.principal = verified.principal
  request.accessToken = verified.accessToken
  request.knownCaller = verified.caller ?? null
  return verified.accessToken
}
