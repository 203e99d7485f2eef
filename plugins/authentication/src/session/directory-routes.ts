import { recordSecurityEvent } from '@sallyport/security-context'
import { sendPage } from '@sallyport/security-context/pages'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { SessionNotFoundError } from '../errors.ts'
import { acceptsHtml, asksForPage, isNavigation } from '../login/page-request.ts'
import { readerLanguage } from '../pages/authentication-texts.ts'
import { createAnswerFailedForm } from './answer-failed-form.ts'
import { endSessionsBody, sessionParameters, type EndSessionsBody } from './schemas.ts'
import type { SessionCore } from './session-core.ts'
import type { SessionList } from './session-list.ts'
import { endedPage, sessionsPage, type SessionPaths } from './session-pages.ts'

/** What the routes of a list of sessions work with. */
export interface DirectoryRoutesParts {
  readonly core: SessionCore
  readonly list: SessionList
  readonly paths: () => SessionPaths
}

/** Lists and ends the caller's own sessions: for programs by their methods, for people as a page with buttons. */
export function directoryRoutes(fastify: FastifyInstance, { core, list, paths }: DirectoryRoutesParts): void {
  const access = { access: 'authenticated', ...(list.strategies && { strategies: list.strategies }) } as const

  fastify.get('/sessions', { config: { ...access, audit: 'none' } }, async function listSessions(request, reply) {
    const sessions = await list.list(request)
    if (!asksForPage(request.method, request.headers)) return { sessions }
    return await sendPage(reply, 200, sessionsPage(sessions, paths(), readerLanguage(request)))
  })

  fastify.delete<{ Params: { sessionId: string } }>(
    '/sessions/:sessionId',
    {
      schema: { params: sessionParameters },
      config: {
        ...access,
        audit: { action: 'session.end', resource: { type: 'session', parameter: 'sessionId' } }
      }
    },
    async function endSession(request, reply) {
      await endOne(request, reply, request.params.sessionId)
      return await reply.code(204).send()
    }
  )

  fastify.delete(
    '/sessions',
    { config: { ...access, audit: { action: 'session.end-all' } } },
    async function endAllSessions(request, reply) {
      await endAll(request, reply)
      return await reply.code(204).send()
    }
  )

  // Forms have no DELETE. That one of a foreign page does nothing is the strategy's to see to, as for each method.
  fastify.post<{ Body: EndSessionsBody }>(
    '/sessions/end',
    {
      schema: { body: endSessionsBody },
      errorHandler: createAnswerFailedForm(paths),
      config: { ...access, audit: { action: 'session.end' } }
    },
    async function endByForm(request, reply) {
      const { sessionId } = request.body
      if (sessionId === undefined) await endAll(request, reply)
      else await endOne(request, reply, sessionId)
      const isOut = sessionId === undefined || list.isOwn(request, sessionId)
      if (!isNavigation(request.headers) || !acceptsHtml(request.headers.accept)) return await reply.code(204).send()
      if (!isOut) return await reply.redirect(paths().sessions ?? '', 303)
      return sendPage(reply, 200, endedPage(paths(), readerLanguage(request)))
    }
  )

  async function endOne(request: FastifyRequest, reply: FastifyReply, sessionId: string): Promise<void> {
    if (!(await list.end(request, sessionId))) throw new SessionNotFoundError()
    if (list.isOwn(request, sessionId)) core.clearCookies(request, reply)
    recordSecurityEvent(request, { stage: 'session', outcome: 'success', reason: 'session-ended' })
  }

  async function endAll(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    await list.endAll(request)
    core.clearCookies(request, reply)
    recordSecurityEvent(request, { stage: 'session', outcome: 'success', reason: 'all-sessions-ended' })
  }
}
