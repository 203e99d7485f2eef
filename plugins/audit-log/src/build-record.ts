import { hash, randomUUID } from 'node:crypto'
import type { Actor, AuditEvent, Principal } from '@sallyport/security-context'
import type { JsonValue } from '@sallyport/security-context/mechanics'
import { cleanDetail, cleanOptional, cleanText, type CleanedDetail } from './clean.ts'
import { AuditEventInvalidError } from './errors.ts'
import type { ClassifyField } from './privacy/field-class.ts'
import type { JoinHash } from './privacy/join-hash.ts'
import type { PersonalValues } from './privacy/personal-values.ts'
import { auditTime, CURRENT_VERSION, type BuiltRecord } from './record.ts'

/** How a process treats what it records. */
export interface RecordRules {
  readonly classify: ClassifyField
  readonly joinHash: JoinHash
}

/** Which policies and which configuration were in force. */
export interface RecordedVersions {
  readonly policy?: string | undefined
  readonly configuration?: string | undefined
}

/** A caller as far as a row names it: an app without our authentication may know the subject alone. */
type RecordedPrincipal = Pick<Principal, 'subject'> & Partial<Principal>

/** Who and where, beside the event itself. */
export interface RecordContext extends RecordRules {
  readonly process: string
  readonly now: Date
  readonly principal: RecordedPrincipal | null
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
  readonly userAgent?: string | undefined
  readonly versions?: RecordedVersions | undefined
}

const OUTCOMES: readonly unknown[] = ['success', 'denied', 'failure']

/**
 * The row of an event: everything bounded and redacted, the token only as a hash, and what is personal apart from it.
 * @throws {AuditEventInvalidError} `SALLYPORT_AUDIT_EVENT_INVALID`
 */
export function buildRecord(event: AuditEvent, context: RecordContext): BuiltRecord {
  checkEvent(event)
  const { principal, joinHash, versions = {} } = context
  const detail = recordedDetail(event, context)
  return {
    version: CURRENT_VERSION,
    id: timedId(context.now.getTime()),
    occurredAt: auditTime(context.now),
    process: cleanText(context.process),
    action: cleanText(event.action),
    outcome: event.outcome,
    reason: cleanOptional(event.reason),
    subject: cleanOptional(principal?.subject ?? event.subject ?? context.subject),
    issuer: cleanOptional(principal === null || principal === undefined ? event.issuer : principal.issuer),
    clientId: cleanOptional(principal?.clientId ?? event.clientId ?? context.clientId),
    actor: actorChain(principal?.actor ?? null, 0),
    sessionId: cleanOptional(principal?.sessionId),
    tokenIdHash: tokenIdHash(principal?.tokenId ?? null),
    resourceType: cleanOptional(event.resource?.type),
    resourceId: cleanOptional(event.resource?.id),
    requestId: cleanOptional(context.requestId),
    traceId: cleanOptional(context.traceId),
    txn: cleanOptional(context.txn ?? event.txn ?? stringOrNull(principal?.claims?.txn)),
    sourceAddress: null,
    detail: detail.shown,
    peerAddress: null,
    // Any name but that of an account may be a password typed into the wrong field.
    nameTried: event.nameTried === undefined || isOfAccount(event) ? null : joinHash.hashName(event.nameTried),
    repeats: 1,
    sealed: null,
    sourceTag: null,
    nameTag: null,
    policyVersion: cleanOptional(versions.policy),
    configurationVersion: cleanOptional(versions.configuration),
    personal: personalValues(event, context, detail)
  }
}

function isOfAccount({ subject }: AuditEvent): boolean {
  return subject !== undefined
}

function personalValues(event: AuditEvent, context: RecordContext, { personal }: CleanedDetail): PersonalValues | null {
  const { sourceAddress, peerAddress, userAgent } = context
  const values: PersonalValues = {
    ...(sourceAddress !== undefined && { sourceAddress: cleanText(sourceAddress) }),
    ...(typeof peerAddress === 'string' && peerAddress !== sourceAddress && { peerAddress: cleanText(peerAddress) }),
    ...(userAgent !== undefined && { userAgent: cleanText(userAgent) }),
    ...(event.nameTried !== undefined && isOfAccount(event) && { nameTried: cleanText(event.nameTried) }),
    ...(personal !== null && { detail: personal }),
    ...(personal !== null && event.person !== undefined && namedPerson(event.person, event.issuerOfPerson))
  }
  return Object.keys(values).length === 0 ? null : values
}

function namedPerson(person: string, issuer: string | undefined): Pick<PersonalValues, 'person' | 'issuerOfPerson'> {
  return { person: cleanText(person), ...(issuer !== undefined && { issuerOfPerson: cleanText(issuer) }) }
}

function recordedDetail(
  { detail }: AuditEvent,
  { clientRequestId = null, classify, joinHash }: RecordContext
): CleanedDetail {
  const named = clientRequestId === null ? detail : { ...detail, clientRequestId }
  if (named === undefined) return { shown: null, personal: null }
  return cleanDetail(named, { classify, hashValue: joinHash.hashValue })
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
  return tokenId === null ? null : hash('sha256', tokenId)
}

function stringOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
