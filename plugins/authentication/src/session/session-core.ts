import cookie from '@fastify/cookie'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { declareHeadHooks, headHook, offerMeasurements } from '@sallyport/security-context'
import type { NamedValue } from './cookie-chunks.ts'
import { createCookieJar, type CookieChanges, type CookieJar } from './cookie-jar.ts'
import { createEndedSessions, type EndedSessions } from './ended-sessions.ts'
import type { ReadSessionOptions } from './options.ts'
import { sessionMeasurements } from './measure-sessions.ts'
import { createSessionRefresher, type SessionRefresher, type SessionTools } from './refresh-session.ts'
import { isCsrfSafe, ownOrigins } from '../request-origin.ts'
import { createSessionRevoker, type SessionRevoker } from './revoke-session.ts'
import { openStoredSessions, type StoredSessions } from '../stored-sessions/stored-sessions.ts'

/** What the session strategy and the session routes share. */
export interface SessionCore extends SessionTools {
  readonly options: ReadSessionOptions
  readonly jar: CookieJar
  readonly refresher: SessionRefresher
  readonly revoker: SessionRevoker
  /** Sessions in a store; `null` where they are in the cookies. */
  readonly stored: StoredSessions | null
  readonly ended: EndedSessions
  readonly ownOrigins: (request: FastifyRequest) => readonly string[]
  /** Whether a request by cookie may change something. */
  readonly isCsrfSafe: (request: FastifyRequest) => boolean
  readonly setCookies: (request: FastifyRequest, reply: FastifyReply, sealed: readonly NamedValue[]) => void
  readonly clearCookies: (request: FastifyRequest, reply: FastifyReply) => void
}

/** Decorator of the instance under which the routes find the core. */
export const SESSION_CORE = Symbol('sallyport.session')

/** Makes the core and decorates the instance with it; registers `@fastify/cookie` unless the app did. */
export async function createSessionCore(
  fastify: FastifyInstance,
  options: ReadSessionOptions,
  { verifier, gate, keys, login }: SessionTools
): Promise<SessionCore> {
  if (!fastify.hasReplyDecorator('setCookie')) await fastify.register(cookie, { hook: false })

  const jar = createCookieJar(options)
  const stored =
    options.stored === undefined ? null : openStoredSessions(fastify, { options, stored: options.stored, verifier })
  const csrfHeader = options.csrfHeader.toLowerCase()
  const changed = new WeakSet<FastifyRequest>()
  const core: SessionCore = {
    options,
    verifier,
    gate,
    keys,
    login,
    jar,
    refresher: createSessionRefresher(options, { verifier, gate }, jar.seal),
    revoker: createSessionRevoker(options, gate),
    stored,
    ended: createEndedSessions(),
    ownOrigins: request => ownOrigins(options.origins, request),
    isCsrfSafe: request => isCsrfSafe(request.headers, ownOrigins(options.origins, request), csrfHeader),
    setCookies: (request, reply, sealed) => {
      apply(request, reply, jar.replace(sealed, request.headers.cookie))
    },
    clearCookies: (request, reply) => {
      if (stored !== null) stored.clearCookie(request, reply)
      else apply(request, reply, jar.clear(request.headers.cookie))
    }
  }

  function apply(request: FastifyRequest, reply: FastifyReply, { set, clear, attributes }: CookieChanges): void {
    for (const name of clear) reply.clearCookie(name, attributes)
    for (const { name, value } of set) reply.setCookie(name, value, attributes)
    changed.add(request)
  }

  // A cache in front of us that stores a response stores its Set-Cookie too, and hands one user's session to the next.
  function keepCookiesOutOfCaches(
    request: FastifyRequest,
    reply: FastifyReply,
    _payload: unknown,
    next: () => void
  ): void {
    if (changed.has(request)) void reply.header('cache-control', 'no-store')
    next()
  }
  fastify.addHook('onSend', headHook(keepCookiesOutOfCaches))
  // The hook of `@fastify/cookie` that writes what `setCookie` has collected.
  declareHeadHooks(fastify, 'fastifyCookieOnSendHandler')
  fastify.decorate(SESSION_CORE, core)
  offerMeasurements(fastify, sessionMeasurements(stored?.refresher ?? core.refresher))
  return core
}
