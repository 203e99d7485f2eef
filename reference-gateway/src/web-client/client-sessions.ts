import type { FastifyInstance } from 'fastify'
import { takeAnswer } from './call-gateway.ts'
import { sessionsIn } from './listed-orders.ts'
import { sessionsPage } from './web-client-pages.ts'
import { OF_SESSION, requestLanguage, sendClientPage, type WebClientParts } from './parts.ts'
import { WEB_CLIENT_PATHS as AT, WEB_CLIENT_PATTERNS as PATTERN } from './paths.ts'

interface BySession {
  Params: { sessionId: string }
}

/** The sessions of an account, and what ends them. */
export function webClientSessionRoutes(fastify: FastifyInstance, parts: WebClientParts): void {
  const { call } = parts

  fastify.get(AT.sessions, { config: OF_SESSION }, async function showSessions(request, reply) {
    const sessions = sessionsIn(takeAnswer(await call(request, { path: '/sessions' }), reply))
    return sendClientPage(parts, reply, sessionsPage(requestLanguage(request), sessions))
  })

  fastify.post(AT.endAll, { config: OF_SESSION }, async function endEverySession(request, reply) {
    takeAnswer(await call(request, { method: 'DELETE', path: '/sessions' }), reply)
    return await reply.redirect(AT.landing, 303)
  })

  fastify.post<BySession>(PATTERN.endSession, { config: OF_SESSION }, async function endOneSession(request, reply) {
    const { sessionId } = request.params
    takeAnswer(await call(request, { method: 'DELETE', path: `/sessions/${encodeURIComponent(sessionId)}` }), reply)
    return await reply.redirect(request.principal?.sessionId === sessionId ? AT.landing : AT.sessions, 303)
  })
}
