import type { FastifyInstance } from 'fastify'
import { AuditOptionsError } from './errors.ts'
import type { ReadAuditLogOptions } from './options.ts'

/** Decorated by whoever finds out who is calling. */
const AUTHENTICATION_SLOT = 'trustedIssuers'

/**
 * Refuses the start of an app that takes tokens of several issuers and does not say which one's subjects are its own:
 * two persons with one subject would have one key, and be erased, held and found together.
 * @throws {AuditOptionsError} `SALLYPORT_AUDIT_OPTIONS_INVALID`, when the app is ready
 */
export function requireOwnIssuer(fastify: FastifyInstance, { ownIssuer }: ReadAuditLogOptions): void {
  if (ownIssuer !== undefined) return
  fastify.addHook('onReady', async function checkOwnIssuer() {
    const trusted = fastify.hasDecorator(AUTHENTICATION_SLOT) ? fastify.getDecorator<unknown>(AUTHENTICATION_SLOT) : []
    if (!Array.isArray(trusted) || trusted.length < 2) return
    throw new AuditOptionsError('ownIssuer is missing, and tokens of several issuers are taken')
  })
}
