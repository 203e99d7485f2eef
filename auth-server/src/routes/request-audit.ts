import type { FastifyRequest } from 'fastify'
import type { WriteAudit } from '../audit.ts'

/** The audit trail of a request. */
export function auditOf (_request: FastifyRequest): WriteAudit {
  return async function writeAudit () {}
}
