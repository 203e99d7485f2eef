import { isJsonObject, parseRetryAfter } from '@sallyport/security-context/mechanics'
import { errors as forwardingErrors, tryAgain } from '@sallyport/forwarding'
import { callUpstream, type UpstreamAnswer } from '@sallyport/token-exchange'
import {
  recordSecurityEvent,
  type SessionDirectory,
  type SessionSummary,
  type TokenClient
} from '@sallyport/security-context'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import type { Dispatcher } from 'undici'
import { SessionsRefusedError } from './errors.ts'

/** Where the sessions are. */
export interface SessionDirectoryOptions {
  readonly tokenClient: TokenClient
  /** Origin of the authorization server. */
  readonly origin: string
  readonly dispatcher: Dispatcher
  /** As it is now, in ms. */
  readonly timeoutMs: () => number
}

const AUTH_SERVER_AUDIENCE = 'auth-server'
/** There is no such session; 400 is for what cannot be an id. */
const UNKNOWN_SESSION: readonly number[] = [400, 404]
/** Routes of a caller whose token belongs to a session. */
const SESSION_ROUTES: readonly string[] = ['/sessions', '/sessions/:sessionId', '/sessions/end']

/**
 * The caller's sessions at the authorization server, requested in the caller's name with an exchanged token. Its
 * methods reject with the codes of the token client, or with `SALLYPORT_TOKEN_UPSTREAM_*`,
 * `SALLYPORT_FORWARDING_UPSTREAM_*` and `SALLYPORT_GATEWAY_SESSIONS_REFUSED`.
 */
export function createSessionDirectory({
  tokenClient,
  origin,
  dispatcher,
  timeoutMs
}: SessionDirectoryOptions): SessionDirectory {
  async function ask(subjectToken: string, method: 'GET' | 'DELETE', path: string): Promise<UpstreamAnswer> {
    const { accessToken: token } = await tokenClient.exchange({ subjectToken, audience: AUTH_SERVER_AUDIENCE })
    const answer = await callUpstream(
      { origin, token, headers: {}, dispatcher, timeoutMs: timeoutMs() },
      { method, path }
    )
    if (answer.statusCode < 300 || UNKNOWN_SESSION.includes(answer.statusCode)) return answer
    throw sessionsFailure(answer, new Error(`${method} ${path} was answered with ${answer.statusCode}`))
  }

  return {
    async list(accessToken) {
      const { body } = await ask(accessToken, 'GET', '/sessions')
      const sessions: unknown = isJsonObject(body) ? body.sessions : undefined
      if (!Array.isArray(sessions) || !sessions.every(isSessionSummary)) {
        throw new forwardingErrors.ForwardFailedError({ cause: new Error('The list of sessions has another shape') })
      }
      return sessions
    },
    async end(accessToken, sessionId) {
      // An empty id would end every session instead of one.
      if (sessionId === '') return false
      return (await ask(accessToken, 'DELETE', `/sessions/${encodeURIComponent(sessionId)}`)).statusCode < 300
    },
    async endAll(accessToken) {
      await ask(accessToken, 'DELETE', '/sessions')
    }
  }
}

/** The error for an unsuccessful answer. The token is good here, so a 401 says that its session has ended since. */
function sessionsFailure({ statusCode, headers }: UpstreamAnswer, cause: Error): Error {
  if (statusCode === 401) return tryAgain(new forwardingErrors.ForwardedTokenRefusedError({ cause }))
  if (statusCode === 403) return new SessionsRefusedError({ cause })
  if (statusCode === 429 || statusCode === 503) {
    return tryAgain(
      new forwardingErrors.ForwardBusyError({ cause }),
      parseRetryAfter(headers['retry-after'], Date.now()) ?? undefined
    )
  }
  return new forwardingErrors.ForwardFailedError({ cause })
}

/**
 * Refuses tokens without a session on the routes of sessions with `SALLYPORT_GATEWAY_SESSIONS_REFUSED`: a client that
 * acts in its own name has no sessions. Register it before the session routes.
 */
async function refuseSessionless(fastify: FastifyInstance): Promise<void> {
  fastify.addHook('onRoute', function needSession(route) {
    if (SESSION_ROUTES.includes(route.url)) {
      route.preHandler = [refuseWithoutSession, ...[route.preHandler ?? []].flat()]
    }
  })
}

async function refuseWithoutSession(request: FastifyRequest): Promise<void> {
  if (request.principal?.sessionId != null) return
  recordSecurityEvent(request, { stage: 'session', outcome: 'denied', reason: 'no-session' })
  throw new SessionsRefusedError()
}

export const sessionsNeedSession = fastifyPlugin(refuseSessionless, {
  name: '@sallyport/reference-gateway/sessions-need-session',
  fastify: '5.x',
  decorators: { request: ['principal', 'securityEvents'] }
})

function isSessionSummary(value: unknown): value is SessionSummary {
  return (
    isJsonObject(value) &&
    typeof value.sessionId === 'string' &&
    typeof value.createdAtSeconds === 'number' &&
    typeof value.current === 'boolean'
  )
}
