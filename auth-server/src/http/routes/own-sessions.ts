import { recordSecurityEvent } from '@sallyport/security-context'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { endSessions } from '../../accounts/sessions/end-sessions.ts'
import { sessionSummary } from '../../accounts/sessions/session-summary.ts'
import { InvalidBearerError, UnknownSessionError } from '../../errors.ts'
import type { AuthorizationServer } from '../../protocol/authorization-server.ts'
import type { SessionSelector } from '../../store/contract.ts'
import { auditWriterFor } from '../audit-writer.ts'

const SESSION_ID_FORM = '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
const oneSession = {
  params: {
    type: 'object',
    properties: { sessionId: { type: 'string', pattern: SESSION_ID_FORM } },
    required: ['sessionId']
  }
}
const kindFilter = {
  querystring: { type: 'object', additionalProperties: false, properties: { kind: { enum: ['login', 'api', 'all'] } } }
}

/**
 * `GET /sessions`, `DELETE /sessions/:sessionId`, `DELETE /sessions`: a user's own sessions, for a bearer token of the
 * audience `auth-server`, which the instance checks. Sessions of Basic credentials are listed on request only.
 */
export function ownSessionRoutes(fastify: FastifyInstance, server: Pick<AuthorizationServer, 'store' | 'clock'>): void {
  fastify.get<{ Querystring: { kind?: 'login' | 'api' | 'all' } }>(
    '/sessions',
    { schema: kindFilter, config: { access: 'authenticated', audit: 'none' } },
    async function listSessions(request) {
      const { subject, sessionId } = requireUser(request)
      const { kind = 'login' } = request.query
      const sessions = await server.store.sessions.listOfUser(subject, server.clock())
      return {
        sessions: sessions
          .filter(session => kind === 'all' || session.kind === kind)
          .map(session => sessionSummary(session, sessionId))
      }
    }
  )

  fastify.delete<{ Params: { sessionId: string } }>(
    '/sessions/:sessionId',
    {
      schema: oneSession,
      config: {
        access: 'authenticated',
        audit: { action: 'session.end', resource: { type: 'session', parameter: 'sessionId' } }
      }
    },
    async function endSession(request, reply) {
      const { subject } = requireUser(request)
      const ended = await endOwn(server, request, {
        kind: 'session',
        sessionId: request.params.sessionId,
        userId: subject
      })
      if (ended === 0) throw new UnknownSessionError()
      return await reply.code(204).send()
    }
  )

  fastify.delete(
    '/sessions',
    { config: { access: 'authenticated', audit: { action: 'session.end-all' } } },
    async function endAllSessions(request, reply) {
      await endOwn(server, request, { kind: 'user', userId: requireUser(request).subject })
      return await reply.code(204).send()
    }
  )
}

/** Only a user has sessions: a client's own token has no `sid`. */
function requireUser(request: FastifyRequest): { readonly subject: string; readonly sessionId: string } {
  const { principal } = request
  if (principal === null || principal.sessionId === null) throw new InvalidBearerError()
  return { subject: principal.subject, sessionId: principal.sessionId }
}

async function endOwn(
  server: Pick<AuthorizationServer, 'store' | 'clock'>,
  request: FastifyRequest,
  selector: SessionSelector
): Promise<number> {
  const count = await server.store.transaction(async trx => {
    const ended = await endSessions(trx, selector, 'ended-by-user', server.clock())
    for (const session of ended) {
      await auditWriterFor(request)(trx, {
        action: 'session.end',
        outcome: 'success',
        reason: 'ended-by-user',
        resource: { type: 'session', id: session.id }
      })
    }
    return ended.length
  })
  recordSecurityEvent(request, { stage: 'revocation', outcome: 'success', reason: 'session-ended', detail: { count } })
  return count
}
