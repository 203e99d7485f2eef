import { requireRouteDeclaration, type AuditEvent, type AuditSink } from '@sallyport/security-context'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import type { Knex } from 'knex'
import { answerInstead } from './answer-instead.ts'
import { createBatchWriter } from './batch-writer.ts'
import { buildRecord } from './build-record.ts'
import { resolveOptions, type AuditLogOptions, type ResolvedOptions } from './options.ts'
import { createRequestAudit } from './request-audit.ts'
import { addAuditRoute } from './route.ts'
import { createSealer, type Sealer } from './sealer.ts'
import type { SealResult } from './seal.ts'
import { insertRecords } from './store.ts'
import type { AuditRecord } from './record.ts'

export type { AuditLogOptions } from './options.ts'
export { auditMigrations, type AuditRoles } from './migrations.ts'
export { verifyChain, type ChainProblem, type ChainReport, type VerifyOptions } from './verify-chain.ts'
export { readHead, type AuditHead, type SealResult } from './seal.ts'
export { parseAuditQuery, readAudit, visibleJson, type AuditPage, type AuditQuery, type SealedRecord } from './query.ts'
export { pruneAudit, type PruneResult } from './prune.ts'
export type { AuditRecord } from './record.ts'
export type { Schedule } from '@sallyport/security-context/mechanics'
export { sealNow } from './seal-now.ts'
export * as errors from './errors.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * Writes an event of this request in the caller's transaction, so that effect and row are committed together.
     * `resource` defaults to the route's declared one. Rejects when the row cannot be written; then roll back.
     */
    audit: (trx: Knex, event: AuditEvent) => Promise<void>
  }
  interface FastifyInstance {
    /** Writes events that belong to no request. */
    auditSink: AuditSink
    /** Writes an event that belongs to no request in the caller's transaction: a job that has no caller. */
    auditWithin: (trx: Knex, event: AuditEvent) => Promise<void>
    /**
     * Makes durable what the response owes the trail, for a handler that hijacks its reply: call it with `reply.statusCode`
     * set and before the first byte. When it rejects (`SALLYPORT_AUDIT_UNAVAILABLE`), answer that and nothing else.
     */
    flushAudit: (request: FastifyRequest, reply: FastifyReply) => Promise<void>
    /** Seals everything that is committed now. Rejects when the database does. */
    sealAudit: () => Promise<SealResult>
  }
}

/**
 * A durable, transactional, tamper-evident audit trail. Every route declares `config.audit`; a handler writes what it
 * did with `request.audit(trx, event)`, and refusals, failures and declared reads are written before their response
 * leaves. What cannot be recorded is not acknowledged: 503.
 * @throws {AuditOptionsError} `SALLYPORT_AUDIT_OPTIONS`
 */
async function auditLog (fastify: FastifyInstance, given: AuditLogOptions): Promise<void> {
  const options = resolveOptions(given)
  const write = createBatchWriter(records => insertRecords(options.db, records))
  const audit = createRequestAudit(options, write)
  const sealer = sealerFor(fastify, options)

  requireRouteDeclaration(fastify, 'audit')
  fastify.decorateRequest('audit', async function (this: FastifyRequest, trx: Knex, event: AuditEvent) { await audit.record(this, trx, event) })
  fastify.decorate('auditSink', { write: async event => { await write([recordWithoutRequest(options, event)]) } })
  fastify.decorate('auditWithin', async function auditWithin (trx, event) { await insertRecords(trx, [recordWithoutRequest(options, event)]) })
  fastify.decorate('flushAudit', async function flushAudit (request: FastifyRequest, reply: FastifyReply) { await audit.settle(request, reply.statusCode) })
  fastify.decorate('sealAudit', sealer.sealNow)

  fastify.addHook('onError', function noteError (request, _reply, error, next) {
    audit.noteError(request, typeof error.code === 'string' ? error.code : null)
    next()
  })

  fastify.addHook('onSend', function makeAuditDurable (request, reply, payload, next) {
    // When the row cannot be written `next` is never called: the answer has been written past the other hooks.
    audit.settle(request, reply.statusCode).then(() => { next(null, payload) }, error => { answerInstead(request, reply, payload, error) })
  })

  addAuditRoute(fastify, options, sealer.sealNow)
  if (options.sealer !== false) {
    fastify.addHook('onReady', function startSealer (next) { sealer.start(); next() })
    fastify.addHook('onClose', async function stopSealer () { await sealer.close() })
  }
}

/** The head goes to the log with every batch: shipped to another machine, it anchors the chain outside the database. */
function sealerFor (fastify: FastifyInstance, options: ResolvedOptions): Sealer {
  return createSealer({
    db: options.db,
    intervalMs: options.sealer === false ? 0 : options.sealer.intervalMs,
    closeTimeoutMs: options.writeTimeoutMs,
    schedule: options.schedule,
    onSealed: (head, sealed) => { fastify.log.info({ auditHead: head, sealed }, 'audit rows sealed') },
    onError: error => { fastify.log.error({ err: error }, 'audit rows could not be sealed') }
  })
}

function recordWithoutRequest ({ process, clock, secretNames }: ResolvedOptions, event: AuditEvent): AuditRecord {
  return buildRecord(event, { process, now: clock(), secretNames, principal: null })
}

export default fastifyPlugin(auditLog, { name: '@sallyport/audit-log', fastify: '5.x', decorators: { request: ['principal'] } })
