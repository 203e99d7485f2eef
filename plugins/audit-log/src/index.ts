import '@sallyport/security-context/require-node'
import type { EventEmitter } from 'node:events'
import { headHook, offerMeasurements, requireRouteDeclaration } from '@sallyport/security-context'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { answerInstead } from './answer-instead.ts'
import { createBatchWriter, type WriteRecords } from './batch-writer.ts'
import { UNROUTED_REFUSAL } from './decide-response.ts'
import { countHandshakeFailures } from './handshake-failures.ts'
import { sealedForEffect } from './audited-effects.ts'
import { createAuditHealth } from './health.ts'
import { auditMeasurements } from './measure-audit.ts'
import { readAuditLogOptions, type AuditLogOptions, type ReadAuditLogOptions } from './options.ts'
import { createRefusalLog, type RefusalLog } from './refusal-log.ts'
import { openTrailWriter } from './outage/open-trail-writer.ts'
import { createCheckpointTask } from './checkpoint/run-checkpoints.ts'
import { createDayKeyExpiry } from './privacy/expire-day-keys.ts'
import './decorators.ts'
import { createPruningTask } from './pruning/run-pruning.ts'
import { createPushTask, warnOfLeftPush } from './push/run-push.ts'
import { createRequestAudit, requestRecordContext } from './audit-request.ts'
import { requireOwnIssuer } from './own-issuer.ts'
import { addExportRoute } from './export-route.ts'
import { addLiveRoute } from './live/live-route.ts'
import { createTrailFollower } from './live/live-rows.ts'
import { processContext, recordWithoutRequest } from './process-record.ts'
import { addAuditRoute, createTrailReader } from './route.ts'
import { runWithApp, type LifecycleAction } from './run-with-app.ts'
import { createAuditSealer, IDLE_SEALER, type AuditSealer } from './audit-sealer.ts'
import type { SealResult } from './seal-pending.ts'

export type { TrailCheckpoints, TrailVerification } from './checkpoint/checkpoint-options.ts'
export { fileAnchor, httpsAnchor, type CheckpointAnchor, type HttpsAnchorOptions } from './checkpoint/anchors.ts'
export { checkpointSigner, checkpointVerifier, parseVerifier, verifierText } from './checkpoint/signed-note.ts'
export { openCheckpoint, type Checkpoint } from './checkpoint/checkpoint.ts'
export { parseSpillKeys, type OutageModes, type SpillKey } from './outage/outage-options.ts'
export type { FailureMode } from './event-class.ts'
export type { AuditRoute } from './audit-route-options.ts'
export type { AuditLogOptions, RefusalCounting, SealerIntervals } from './options.ts'
export type { RequestAddresses } from './request-addresses.ts'
export { auditTrailSettings, type AuditTrailSettings, type ProcessTrailSettings } from './settings/trail-settings.ts'
export { auditTrailMistakes, auditTrailOptions } from './settings/trail-options.ts'
export { leftWorkerFolders, trailOfWorker } from './settings/trail-of-worker.ts'
export * from './push/offered-push.ts'
export type { KeptClass, TrailPruning } from './pruning/pruning-options.ts'
export { auditMigrations } from './migrations.ts'
export type { AuditRoles } from './audit-roles.ts'
export { verifyChain, type ChainProblem, type ChainReport, type VerifyOptions } from './verify-chain.ts'
export { readHead, type AuditHead, type SealResult } from './seal-pending.ts'
export { visibleJson, visibleText } from './visible-text.ts'
export { runAuditCommand, type AuditCommandCall } from './command/run-audit-command.ts'
export { followTrails, type TrailsStep, type TrailsTail } from './live/follow-trails.ts'
export type { LiveTrail } from './live/followed-trail.ts'
export type { LiveStep } from './live/live-rows.ts'
export { readLiveEvents, readLiveSteps, type ReceivedEvent } from './live/read-live-events.ts'
export { parseAuditPage, searchTrails, type TrailSource, type TrailsPage } from './search/search-trails.ts'
export { createLiveReaders, type LiveReaders, type LiveReadersOptions } from './live/live-readers.ts'
export { noteAuditQuery, type AskedQuery } from './asked-query.ts'
export { parseAuditQuery, type AuditPage, type AuditQuery, type SealedRecord } from './query.ts'
export { readAudit } from './search/read-audit.ts'
export { holdsOverPerson, listHolds, placeHold, releaseHold, type HoldContext, type LegalHold } from './hold/holds.ts'
export { pruneAudit, type PruneOptions, type PruneResult, type RetentionClass } from './prune.ts'
export type { AuditRecord, BuiltRecord } from './record.ts'
export type { AuditStore } from './store.ts'
export {
  auditedEffects,
  effectsTogether,
  type AuditedEffect,
  type CommitEffects,
  type EffectStatement
} from './audited-effects.ts'
export type { AuditHealth } from './health.ts'
export type { Schedule } from '@sallyport/security-context/mechanics'
export { sealNow } from './seal-now.ts'
export * from './privacy/offered-privacy.ts'
export { resumeTrail, type ResumedTrail, type TrailRestore } from './restore/resume-trail.ts'
export * as errors from './errors.ts'

/**
 * A durable, transactional, tamper-evident audit trail. Every route declares `config.audit`; a handler writes what it
 * did with `request.audit(trx, event)`; refusals and failures of a known caller and declared reads are written before
 * their response leaves. What cannot be recorded is answered with 503. Refusals of strangers are counted.
 * @throws {AuditOptionsError} `SALLYPORT_AUDIT_OPTIONS_INVALID`, naming every mistake
 */
async function auditLog(fastify: FastifyInstance, given: AuditLogOptions): Promise<void> {
  const options = readAuditLogOptions(given)
  const { store, writeTimeoutMs } = options
  const writer = createBatchWriter({
    insert: store.insert,
    insertAgain: store.insertAgain ?? store.insert,
    timeoutMs: writeTimeoutMs,
    maxWaiting: options.maxWaitingRows
  })
  const trail = await openTrailWriter(options, writer.write, fastify.log)
  const refusals = refusalLogFor(fastify, options, writer.write)
  const audit = createRequestAudit(options, {
    write: trail.write,
    writeTogether: writer.write,
    count: refusals.count
  })
  const sealer = sealerFor(fastify, options)
  const checkpoints = createCheckpointTask(options, fastify.log)
  const dayKeys = createDayKeyExpiry(options, fastify.log)
  const push = createPushTask(options, fastify.log)
  const pruning = createPruningTask(options, fastify.log)
  /** The counts are written before sealing, so that a page of the trail includes them. */
  async function sealAudit(): Promise<SealResult> {
    await refusals.flush()
    return await sealer.sealNow()
  }

  requireRouteDeclaration(fastify, 'audit')
  requireOwnIssuer(fastify, options)
  fastify.decorateRequest('auditState', null)
  fastify.decorateRequest('audit', audit.writeWithin)
  fastify.decorateRequest('auditWith', audit.writeWith)
  fastify.decorate('auditSink', {
    write: async event => {
      await trail.write([recordWithoutRequest(options, event)], 'changes')
    }
  })
  fastify.decorate('auditWithin', async function auditWithin(trx, event) {
    await store.insertWithin(trx, [recordWithoutRequest(options, event)])
  })
  fastify.decorate('auditEffect', async function auditEffect(_db, event, write) {
    return await write(await sealedForEffect(store, recordWithoutRequest(options, event)))
  })
  fastify.decorate('flushAudit', async function flushAudit(request: FastifyRequest, reply: FastifyReply) {
    await audit.settle(request, reply.statusCode)
  })
  fastify.decorate('countRefusal', function countRefusal(request: FastifyRequest, reason: string, status: number) {
    const detail = { status, method: request.method, route: '' }
    refusals.count(
      { action: UNROUTED_REFUSAL, outcome: 'denied', reason, detail },
      requestRecordContext(request, options)
    )
  })
  fastify.decorate('countHandshakeFailures', function countFailures(server: EventEmitter) {
    countHandshakeFailures(server, refusals, source => ({ ...processContext(options), ...source }))
  })
  // Of a server without TLS there are none.
  fastify.countHandshakeFailures(fastify.server)
  fastify.decorate('sealAudit', sealAudit)
  const health = createAuditHealth(options, { writer, trail, sealer, checkpoints, push, pruning })
  fastify.decorate('auditHealth', health)
  offerMeasurements(fastify, auditMeasurements(options, health))
  warnOfLeftPush(fastify, options)

  fastify.addHook('onError', function noteError(request, _reply, error, next) {
    audit.noteError(request, typeof error.code === 'string' ? error.code : null)
    next()
  })

  function makeAuditDurable(
    request: FastifyRequest,
    reply: FastifyReply,
    payload: unknown,
    next: (error: null, payload: unknown) => void
  ): void {
    if (audit.owesNothing(request, reply.statusCode)) return next(null, payload)
    // When the row cannot be written, `next` is never called: the answer has bypassed the other hooks.
    audit.settle(request, reply.statusCode).then(
      () => {
        next(null, payload)
      },
      error => {
        answerInstead(request, reply, payload, error)
      }
    )
  }
  fastify.addHook('onSend', headHook(makeAuditDurable))

  const readTrail = createTrailReader(options, sealAudit)
  fastify.decorate('readAuditTrail', readTrail)
  fastify.decorate('followAuditTrail', createTrailFollower(options))
  addAuditRoute(fastify, options, { readTrail, seal: sealAudit })
  addLiveRoute(fastify, options)
  addExportRoute(fastify, options, sealAudit)
  /** A trail that is away keeps no process from starting or ending. */
  async function recordLifecycle(action: LifecycleAction): Promise<void> {
    const detail = { pid: process.pid, node: process.version }
    await trail
      .write([recordWithoutRequest(options, { action, outcome: 'success', detail })], 'changes')
      .catch((error: unknown) => {
        fastify.log.error({ err: error, action }, 'that the process starts or stops is in no audit trail')
      })
  }
  runWithApp(fastify, {
    sealer: options.sealer === false ? null : sealer,
    refusals,
    trail,
    checkpoints,
    recordLifecycle: options.lifecycle ? recordLifecycle : null,
    dayKeys,
    push,
    pruning
  })
}

/** The head goes to the log with every batch: shipped to another machine, it anchors the chain outside the database. */
function sealerFor(fastify: FastifyInstance, options: ReadAuditLogOptions): AuditSealer {
  if (options.db === undefined) return IDLE_SEALER
  return createAuditSealer({
    db: options.db,
    intervalMs: options.sealer === false ? 0 : options.sealer.intervalMs,
    timeoutMs: options.writeTimeoutMs,
    schedule: options.schedule,
    monotonicClock: options.monotonicClock,
    onSealed: (head, sealed) => {
      fastify.log.info({ auditHead: head, sealed }, 'audit rows sealed')
    },
    onError: error => {
      fastify.log.error({ err: error }, 'audit rows could not be sealed')
    }
  })
}

function refusalLogFor(fastify: FastifyInstance, options: ReadAuditLogOptions, write: WriteRecords): RefusalLog {
  fastify.log.info(
    options.refusals,
    'refusals of strangers are counted and written per interval: kill -9 loses at most one'
  )
  return createRefusalLog(options, write, (error, unwritten) => {
    fastify.log.error({ err: error, unwritten }, 'counted refusals could not be written')
  })
}

export default fastifyPlugin(auditLog, {
  name: '@sallyport/audit-log',
  fastify: '5.x',
  decorators: { request: ['principal'] }
})
