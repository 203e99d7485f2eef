import { recordSecurityEvent, type SessionDirectory } from '@sallyport/security-context'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AccessTokenMissingError, SessionNotFoundError } from '../errors.ts'
import { hasTokenCode } from '../failure-kinds.ts'
import { tokenRequestFailure } from '../token-request-failure.ts'
import { sessionParameters } from './schemas.ts'
import type { SessionCore } from './session-core.ts'

/** Lists and ends the caller's own sessions. Whose they are, the directory decides by the access token. */
export function directoryRoutes(fastify: FastifyInstance, core: SessionCore, directory: SessionDirectory): void {
  fastify.get(
    '/sessions',
    { config: { access: 'authenticated', audit: 'none' } },
    async function listSessions(request) {
      return { sessions: await answered(request, token => directory.list(token)) }
    }
  )

  fastify.delete<{ Params: { sessionId: string } }>(
    '/sessions/:sessionId',
    {
      schema: { params: sessionParameters },
      config: {
        access: 'authenticated',
        audit: { action: 'session.end', resource: { type: 'session', parameter: 'sessionId' } }
      }
    },
    async function endSession(request, reply) {
      const { sessionId } = request.params
      if (!(await answered(request, token => directory.end(token, sessionId)))) throw new SessionNotFoundError()
      core.ended.add(sessionId)
      if (request.principal?.sessionId === sessionId) core.clearCookies(request, reply)
      recordSecurityEvent(request, { stage: 'session', outcome: 'success', reason: 'session-ended' })
      return await reply.code(204).send()
    }
  )

  fastify.delete(
    '/sessions',
    {
      config: { access: 'authenticated', audit: { action: 'session.end-all' } }
    },
    async function endAllSessions(request, reply) {
      await answered(request, token => directory.endAll(token))
      if (typeof request.principal?.sessionId === 'string') core.ended.add(request.principal.sessionId)
      core.clearCookies(request, reply)
      recordSecurityEvent(request, { stage: 'session', outcome: 'success', reason: 'all-sessions-ended' })
      return await reply.code(204).send()
    }
  )
}

function accessTokenOf({ accessToken }: FastifyRequest): string {
  if (typeof accessToken !== 'string') throw new AccessTokenMissingError()
  return accessToken
}

/**
 * What the directory answers under the caller's token; one that the issuer refuses is renewed once. An outage behind
 * the
 * directory is 503 or 429, as everywhere.
 */
async function answered<Result>(
  request: FastifyRequest,
  ask: (accessToken: string) => Promise<Result>
): Promise<Result> {
  try {
    try {
      return await ask(accessTokenOf(request))
    } catch (error) {
      const renewed = hasTokenCode(error, 'SALLYPORT_TOKEN_REJECTED') ? await request.renewAccessToken?.() : null
      if (typeof renewed !== 'string') throw error
      return await ask(renewed)
    }
  } catch (error) {
    throw hasTokenCode(error, 'SALLYPORT_TOKEN_UNAVAILABLE') || hasTokenCode(error, 'SALLYPORT_TOKEN_THROTTLED')
      ? tokenRequestFailure(error)
      : error
  }
}
