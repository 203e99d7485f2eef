import type { EventEmitter } from 'node:events'
import type { AuditEvent, AuditSink } from '@sallyport/security-context'
import type { FastifyReply as Reply } from 'fastify'
import type { Knex } from 'knex'
import type { RequestState } from './request-state.ts'
import type { AuditHealth } from './health.ts'
import type { LiveStep } from './live/live-rows.ts'
import type { AuditPage, AuditQuery } from './query.ts'
import type { AuditRecord } from './record.ts'
import type { SealResult } from './seal-pending.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * Writes an event of this request in the caller's transaction, so that effect and row are committed together.
     * `resource` defaults to the route's declared one. Rejects when the row cannot be written; then roll back.
     */
    audit: (trx: Knex, event: AuditEvent) => Promise<void>
    /**
     * Hands over the row of an effect to a statement that writes both on `db`, such as one of `auditedEffects`. `write`
     * says whether both are written (`true`) or nothing is (`false`), and so does the answer. On a pool they are
     * committed by then, which saves the transaction and a look at the row. Rejects when the row cannot be made, and
     * when `write` does.
     */
    auditWith: (db: Knex, event: AuditEvent, write: (row: AuditRecord) => Promise<boolean>) => Promise<boolean>
    /** What the trail has of this request so far; `null` until something is written. Of this plugin alone. */
    auditState: RequestState | null
  }
  interface FastifyInstance {
    /** Writes events outside a request. */
    auditSink: AuditSink
    /** Writes an event in the given transaction, for a job without a caller. */
    auditWithin: (trx: Knex, event: AuditEvent) => Promise<void>
    /** `request.auditWith` for a job without a caller. */
    auditEffect: (db: Knex, event: AuditEvent, write: (row: AuditRecord) => Promise<boolean>) => Promise<boolean>
    /**
     * Writes the rows of a response, for a handler that hijacks its reply: call it with `reply.statusCode` set and
     * before the first byte. When it rejects (`SALLYPORT_AUDIT_UNAVAILABLE`), answer that and nothing else.
     */
    flushAudit: (request: FastifyRequest, reply: Reply) => Promise<void>
    /**
     * Counts a refusal that no hook sees, such as Fastify's answer to a path that cannot be decoded
     * (`frameworkErrors`). It neither waits nor throws.
     */
    countRefusal: (request: FastifyRequest, reason: string, status: number) => void
    /** Counts the TLS handshakes that fail at a further listener of this app; those of its own are counted anyway. */
    countHandshakeFailures: (server: EventEmitter) => void
    /** Writes the counts and seals everything that is committed now. Rejects when the database fails. */
    sealAudit: () => Promise<SealResult>
    /** Seals, and reads a page of this trail. Whoever calls it asks who may read, and records the reading. */
    readAuditTrail: (query: AuditQuery) => Promise<AuditPage>
    /** Follows this trail. Whoever calls it asks who may read, and records that; the signal ends it. */
    followAuditTrail: (query: AuditQuery, signal: AbortSignal) => AsyncGenerator<LiveStep>
    /** The state of the trail; pass `auditHealth.check` to the readiness of the process. */
    auditHealth: AuditHealth
  }
}
