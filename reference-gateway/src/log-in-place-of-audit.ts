import type { AuditSink } from '@sallyport/security-context'
import type { FastifyBaseLogger } from 'fastify'

/** For a gateway without a database: what would be a row of the audit trail is a line of the log. */
export function logInPlaceOfAudit(log: FastifyBaseLogger): AuditSink {
  return {
    write: async event => {
      log.info({ audit: event }, 'audit event')
    }
  }
}
