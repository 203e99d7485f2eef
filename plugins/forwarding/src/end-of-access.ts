import { effectiveRoute, recordSecurityEvent, type AuditSink } from '@sallyport/security-context'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { EndOfAccess, OpenAnswer, OpenAnswers } from './open-answers.ts'
import type { OpenStreams } from './open-streams.ts'
import type { TableRoute } from './table-route.ts'

/**
 * Reports that an answer ends with the access of its request. The row of the request was written before the first byte;
 * this one says how the answer ended.
 */
function recordEndOfAccess(
  request: FastifyRequest,
  reply: FastifyReply,
  { reason, audience, auditSink }: { readonly reason: EndOfAccess; audience: string; auditSink: AuditSink | null }
): void {
  recordSecurityEvent(request, { stage: 'forward', outcome: 'denied', reason, detail: { audience } })
  if (auditSink === null) return
  const { principal, id: requestId, traceId, txn, method } = request
  auditSink
    .write({
      action: 'answer.end',
      outcome: 'denied',
      reason,
      txn,
      ...(principal !== null && { subject: principal.subject }),
      ...(typeof principal?.clientId === 'string' && { clientId: principal.clientId }),
      detail: {
        requestId,
        traceId,
        sessionId: principal?.sessionId ?? null,
        method,
        route: effectiveRoute(request).url,
        status: reply.statusCode,
        audience
      }
    })
    .catch(error => {
      request.log.error({ err: error }, 'the end of an answer could not be recorded')
    })
}

/** An answer that is under way, and what it takes to end it with its access. */
interface AnswerUnderAccess {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly route: TableRoute
  readonly openAnswers: OpenAnswers | null
  readonly openStreams: OpenStreams
  readonly auditSink: AuditSink | null
}

/**
 * Ends an answer when the access of its request ends, and records that. A stream whose access nobody watches ends with
 * the app.
 * @returns stops it, because the answer has ended by itself; `null` where nobody watches
 */
export function watchAccess(
  { request, reply, route, openAnswers, openStreams, auditSink }: AnswerUnderAccess,
  { finish, end }: Pick<OpenAnswer, 'finish' | 'end'>
): (() => void) | null {
  const { principal, accessToken } = request
  if (principal === null || openAnswers === null) return finish === null ? null : openStreams.add(finish)
  return openAnswers.add({
    principal,
    accessToken,
    finish,
    end: reason => {
      recordEndOfAccess(request, reply, { reason, audience: route.audience, auditSink })
      end(reason)
    }
  })
}
