import { effectiveRoute, recordSecurityEvent, securityEventsOf, type AuditEvent } from '@sallyport/security-context'
import { withDeadline, errorCode, withRetryAfter } from '@sallyport/security-context/mechanics'
import type { FastifyRequest } from 'fastify'
import type { Knex } from 'knex'
import { requestAuditState, type RequestState, type RowOfRequest } from './request-state.ts'
import { sealedForEffect } from './audited-effects.ts'
import { buildRecord, type RecordContext } from './build-record.ts'
import { decideResponse, type ResponseAudit, type ResponseFacts } from './decide-response.ts'
import { AuditUnavailableError, AuditUnfulfilledError } from './errors.ts'
import type { WriteRecords } from './batch-writer.ts'
import type { ReadAuditLogOptions } from './options.ts'
import type { AuditRecord } from './record.ts'
import type { WriteClassed } from './outage/trail-writer.ts'

/** The audit trail for one request. */
export interface RequestAudit {
  /** `request.audit`: writes an event in the caller's transaction. */
  writeWithin: (this: FastifyRequest, trx: Knex, event: AuditEvent) => Promise<void>
  /** `request.auditWith`: hands over the row of an effect that one statement writes with it. */
  writeWith: (
    this: FastifyRequest,
    db: Knex,
    event: AuditEvent,
    write: (row: AuditRecord) => Promise<boolean>
  ) => Promise<boolean>
  /** Keeps the code of the error that is about to be answered. */
  noteError: (request: FastifyRequest, code: string | null) => void
  /**
   * Writes the rows that a response with this status owes; once per request. Throws `SALLYPORT_AUDIT_UNAVAILABLE` or
   * `SALLYPORT_AUDIT_UNFULFILLED`, after which the response must not leave.
   */
  settle: (request: FastifyRequest, status: number) => Promise<void>
  /**
   * Whether a response with this status owes the trail nothing, which most do not: then nothing is to be waited for.
   */
  owesNothing: (request: FastifyRequest, status: number) => boolean
}

/** Where the rows of a request go. */
export interface AuditOutlets {
  /** Writes outside the transactions of handlers, so that its rows survive one that is rolled back. */
  readonly write: WriteClassed
  /** The same for rows that are refused with what they record, whatever the modes: together with what others write. */
  readonly writeTogether: WriteRecords
  /** Counts what a stranger causes, without the database. */
  readonly count: (event: AuditEvent, context: RecordContext) => void
}

/** Makes the per-request part. */
export function createRequestAudit(options: ReadAuditLogOptions, outlets: AuditOutlets): RequestAudit {
  const { write, writeTogether, count } = outlets

  async function writeWithin(this: FastifyRequest, trx: Knex, event: AuditEvent): Promise<void> {
    const built = buildRecord(withDeclaredResource(this, event), requestRecordContext(this, options))
    // On the pool itself there is no transaction to be part of, so the row can share one.
    const written =
      trx === options.db || trx === options.givenDb
        ? withDeadline(writeTogether([built]), options.writeTimeoutMs)
        : options.store.insertWithin(trx, [built])
    await written.catch(refuseUnavailable)
    requestAuditState(this).written.push({ id: built.id, outcome: built.outcome, inTransaction: isTransaction(trx) })
  }

  async function writeWith(
    this: FastifyRequest,
    db: Knex,
    event: AuditEvent,
    write: (row: AuditRecord) => Promise<boolean>
  ): Promise<boolean> {
    const built = buildRecord(withDeclaredResource(this, event), requestRecordContext(this, options))
    const isDone = await write(await sealedForEffect(options.store, built).catch(refuseUnavailable))
    if (!isDone) return false
    requestAuditState(this).written.push({ id: built.id, outcome: built.outcome, inTransaction: isTransaction(db) })
    return true
  }

  async function settle(request: FastifyRequest, status: number): Promise<void> {
    const state = requestAuditState(request)
    if (state.settled) return
    state.settled = true
    const { events, eventClass, counted, unfulfilled } = await decideInTime(request, status, state)
    if (unfulfilled) reportUnfulfilled(request)
    if (unfulfilled && options.unfulfilled === 'refuse') throw new AuditUnfulfilledError()
    const context = requestRecordContext(request, options)
    for (const event of counted) count(event, context)
    if (events.length === 0) return
    await unavailableOnError(() => {
      const records = events.map(event => buildRecord(event, context))
      const written = write(records, eventClass)
      // Where a row is kept or left out instead, the writer has a limit of its own for each way.
      return options.outage[eventClass] === 'refuse' ? withDeadline(written, options.writeTimeoutMs) : written
    })
  }

  function decideInTime(request: FastifyRequest, status: number, state: RequestState): Promise<ResponseAudit> {
    return unavailableOnError(() => withDeadline(decide(request, status, state), options.writeTimeoutMs))
  }

  async function decide(request: FastifyRequest, status: number, state: RequestState): Promise<ResponseAudit> {
    const facts = responseFacts(request, status, state)
    return decideResponse({ ...facts, written: await committedOutcomes(state.written) })
  }

  /**
   * A row counts when other connections see it: a transaction that is rolled back, or still open, has recorded nothing.
   */
  async function committedOutcomes(written: readonly RowOfRequest[]): Promise<AuditEvent['outcome'][]> {
    const uncertain = written.filter(row => row.inTransaction).map(row => row.id)
    const committed = uncertain.length === 0 ? new Set<string>() : await options.store.committed(uncertain)
    return written.filter(row => !row.inTransaction || committed.has(row.id)).map(row => row.outcome)
  }

  async function unavailableOnError<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work()
    } catch (error) {
      throw auditUnavailable(error)
    }
  }

  /** An effect, a refusal, a declared read or a row of the handler's own needs the whole decision. */
  function owesNothing(request: FastifyRequest, status: number): boolean {
    const state = request.auditState
    if (state !== null && (state.settled || state.written.length > 0)) return state.settled
    const { audit } = effectiveRoute(request).config
    if (status >= 400 || (audit !== 'none' && audit !== undefined && audit.only !== 'refusals')) return false
    return status < 300 || securityEventsOf(request).every(({ outcome }) => outcome === 'success')
  }

  return {
    writeWithin,
    writeWith,
    settle,
    owesNothing,
    noteError: (request, code) => {
      requestAuditState(request).errorCode = code
    }
  }
}

/** In a test without a database there may be none at all. */
function isTransaction(trx: Knex | null): boolean {
  return trx?.isTransaction === true
}

/** The 503 of a trail that cannot be written or read. */
export function auditUnavailable(cause: unknown): Error {
  return withRetryAfter(Object.assign(new AuditUnavailableError(), { cause }))
}

/**
 * Deadlocks and serialization failures (class 40) pass unchanged: their code tells the caller to retry the whole
 * transaction.
 */
function refuseUnavailable(error: unknown): never {
  throw errorCode(error)?.startsWith('40') === true ? error : auditUnavailable(error)
}

function reportUnfulfilled(request: FastifyRequest): void {
  request.log.error(
    { route: effectiveRoute(request).url, method: request.method },
    'an effect was acknowledged without an audit row of its own'
  )
  recordSecurityEvent(request, { stage: 'audit', outcome: 'failure', reason: 'audit-unfulfilled' })
}

function responseFacts(request: FastifyRequest, status: number, state: RequestState): Omit<ResponseFacts, 'written'> {
  const resource = declaredResource(request)
  const { url, config } = effectiveRoute(request)
  return {
    status,
    method: request.method,
    route: url,
    // Undefined for a 404 too, whose config is empty.
    declaration: config.audit,
    events: securityEventsOf(request),
    errorCode: state.errorCode,
    asked: state.asked,
    hasPrincipal: request.principal !== null && request.principal !== undefined,
    ...(resource === undefined ? {} : { resource })
  }
}

/** Who, where and which request, for the rows of a request. */
export function requestRecordContext(request: FastifyRequest, options: ReadAuditLogOptions): RecordContext {
  const { process, clock, classify, joinHash } = options
  const { source, peer, userAgent } = options.addresses(request)
  const events = securityEventsOf(request)
  return {
    process,
    now: new Date(clock()),
    classify,
    joinHash,
    principal: request.principal,
    subject: events.findLast(event => event.subject !== undefined)?.subject,
    clientId: events.findLast(event => event.clientId !== undefined)?.clientId,
    requestId: request.id,
    ...(typeof request.traceId === 'string' ? { traceId: request.traceId } : {}),
    ...(typeof request.txn === 'string' ? { txn: request.txn } : {}),
    clientRequestId: request.clientRequestId ?? null,
    sourceAddress: source,
    peerAddress: peer,
    userAgent: userAgent === undefined ? request.headers['user-agent'] : (userAgent ?? undefined),
    versions: options.versions(request)
  }
}

function withDeclaredResource(request: FastifyRequest, event: AuditEvent): AuditEvent {
  const resource = event.resource ?? declaredResource(request)
  return resource === undefined ? event : { ...event, resource }
}

function declaredResource(request: FastifyRequest): { type: string; id: string } | undefined {
  const declaration = effectiveRoute(request).config.audit
  if (declaration === undefined || declaration === 'none' || declaration.resource === undefined) return undefined
  const { type, parameter } = declaration.resource
  const id =
    typeof request.params === 'object' && request.params !== null
      ? Object.entries(request.params).find(([name]) => name === parameter)?.[1]
      : undefined
  return typeof id === 'string' ? { type, id } : undefined
}
