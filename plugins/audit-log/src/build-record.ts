import { createHash, randomUUID } from 'node:crypto'
import type { Actor, AuditEvent, Principal } from '@sallyport/security-context'
import type { JsonValue } from '@sallyport/security-context/mechanics'
import { cleanDetail, cleanOptional, cleanText } from './clean.ts'
import { AuditEventInvalidError } from './errors.ts'
import type { HashName } from './hash-name.ts'
import { auditTime, CURRENT_VERSION, type AuditRecord } from './record.ts'

/** Who and where, beside the event itself. */
export interface RecordContext {
  readonly process: string
  readonly now: Date
  readonly secretNames: ReadonlySet<string>
  readonly principal: Principal | null
  /** Whom the security events of the request name, for when neither the principal nor the event does. */
  readonly subject?: string | undefined
  readonly clientId?: string | undefined
  readonly requestId?: string
  readonly traceId?: string
  readonly txn?: string
  /** What the caller named its request, goes into `detail`. */
  readonly clientRequestId?: string | null
  /** Address of the end user, as far as it is believed. */
  readonly sourceAddress?: string
  /** Address of the TCP peer; recorded where it is a different one. */
  readonly peerAddress?: string | null | undefined
  readonly hashName: HashName
}

const OUTCOMES: readonly unknown[] = ['success', 'denied', 'failure']

/**
 * The row of an event: everything bounded and redacted, the token only as a hash.
 * @throws {AuditEventInvalidError} `SALLYPORT_AUDIT_EVENT_INVALID`
 */
export function buildRecord(event: AuditEvent, context: RecordContext): AuditRecord {
  checkEvent(event)
  const { principal } = context
  return {
    version: CURRENT_VERSION,
    id: timedId(context.now.getTime()),
    occurredAt: auditTime(context.now),
    process: cleanText(context.process),
    action: cleanText(event.action),
    outcome: event.outcome,
    reason: cleanOptional(event.reason),
    subject: cleanOptional(principal?.subject ?? event.subject ?? context.subject),
    issuer: cleanOptional(principal?.issuer),
    clientId: cleanOptional(principal?.clientId ?? event.clientId ?? context.clientId),
    actor: actorChain(principal?.actor ?? null, 0),
    sessionId: cleanOptional(principal?.sessionId),
    tokenIdHash: tokenIdHash(principal?.tokenId ?? null),
    resourceType: cleanOptional(event.resource?.type),
    resourceId: cleanOptional(event.resource?.id),
    requestId: cleanOptional(context.requestId),
    traceId: cleanOptional(context.traceId),
    txn: cleanOptional(context.txn ?? event.txn ?? stringOrNull(principal?.claims.txn)),
    sourceAddress: cleanOptional(context.sourceAddress),
    detail: recordedDetail(event, context),
    peerAddress: context.peerAddress === context.sourceAddress ? null : cleanOptional(context.peerAddress),
    nameTried: shownName(event, context.hashName),
    repeats: 1
  }
}

/** The name of an account is not a secret; any other text may be a password typed into the wrong field. */
function shownName({ nameTried, subject }: AuditEvent, hashName: HashName): string | null {
  if (nameTried === undefined) return null
  return subject === undefined ? hashName(nameTried) : cleanText(nameTried)
}

function recordedDetail({ detail }: AuditEvent, { clientRequestId = null, secretNames }: RecordContext): JsonValue {
  const named = clientRequestId === null ? detail : { ...detail, clientRequestId }
  return named === undefined ? null : cleanDetail(named, secretNames)
}

function checkEvent({ action, outcome, resource }: AuditEvent): void {
  const valid =
    typeof action === 'string' &&
    action !== '' &&
    OUTCOMES.includes(outcome) &&
    (resource === undefined || (typeof resource.type === 'string' && typeof resource.id === 'string'))
  if (!valid) throw new AuditEventInvalidError()
}

/** Chains end at ten links: a token that nests more is made to be large. */
function actorChain(actor: Actor | null, depth: number): JsonValue {
  if (actor === null || depth === 10) return null
  return { subject: cleanText(actor.subject), actor: actorChain(actor.actor, depth + 1) }
}

/**
 * A UUID that begins with the time, so that rows which are written together stand together in the index.
 * @see RFC 9562 §5.7
 */
function timedId(ms: number): string {
  const time = ms.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`
}

function tokenIdHash(tokenId: string | null): string | null {
  return tokenId === null ? null : createHash('sha256').update(tokenId).digest('hex')
}

function stringOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
