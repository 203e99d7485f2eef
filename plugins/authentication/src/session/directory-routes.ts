import type { SessionDirectory } from '@sallyport/security-context'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AccessTokenMissingError, SessionNotFoundError } from '../errors.ts'
import { recordEvent } from '../record-event.ts'
import { hasCode, tokenFailure } from '../token-failure.ts'
import { sessionParameters } from './schemas.ts'
import type { SessionCore } from './session-core.ts'

/** Lists and ends the caller's own sessions. Whose they are, the directory decides by the access token. */
export function directoryRoutes (fastify: FastifyInstance, core: SessionCore, directory: SessionDirectory): void {
  fastify.get('/sessions', { config: { access: 'authenticated', audit: 'none' } }, async function listSessions (request) {
    return { sessions: await answered(() => directory.list(accessTokenOf(request))) }
  })

  fastify.delete<{ Params: { sessionId: string } }>('/sessions/:sessionId', {
    schema: { params: sessionParameters },
    config: { access: 'authenticated', audit: { action: 'session.end', resource: { type: 'session', parameter: 'sessionId' } } }
  }, async function endSession (request, reply) {
    const { sessionId } = request.params
    if (!await answered(() => directory.end(accessTokenOf(request), sessionId))) throw new SessionNotFoundError()
    core.ended.add(sessionId)
    if (request.principal?.sessionId === sessionId) core.clearCookies(request, reply)
    recordEvent(request, { stage: 'session', outcome: 'success', reason: 'session-ended' })
    return await reply.code(204).send()
  })

  fastify.delete('/sessions', {
    config: { access: 'authenticated', audit: { action: 'session.end-all' } }
  }, async function endAllSessions (request, reply) {
    await answered(() => directory.endAll(accessTokenOf(request)))
    if (typeof request.principal?.sessionId === 'string') core.ended.add(request.principal.sessionId)
    core.clearCookies(request, reply)
    recordEvent(request, { stage: 'session', outcome: 'success', reason: 'all-sessions-ended' })
    return await reply.code(204).send()
  })
}

function accessTokenOf ({ accessToken }: FastifyRequest): string {
  if (typeof accessToken !== 'string') throw new AccessTokenMissingError()
  return accessToken
}

/** An outage behind the directory is 503 or 429, as everywhere. */
async function answered<Result> (ask: () => Promise<Result>): Promise<Result> {
  try {
    return await ask()
  } catch (error) {
    throw hasCode(error, 'SALLYPORT_TOKEN_UNAVAILABLE') || hasCode(error, 'SALLYPORT_TOKEN_THROTTLED') ? tokenFailure(error) : error
  }
}
