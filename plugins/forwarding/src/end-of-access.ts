import { effectiveRoute, recordSecurityEvent, type AuditSink } from '@sallyport/security-context'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { EndOfAccess } from './open-answers.ts'

/**
 * Reports that an answer ends with the access of its request. The row of the request was written before the first byte;
 * this one says how the answer ended.
 */
export function recordEndOfAccess(
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
