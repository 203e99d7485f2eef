import { isSecurityEffect, type AuditEvent, type RouteAudit, type SecurityEvent } from '@sallyport/security-context'
import type { EventClass } from './event-class.ts'

/** What is known of a request when its response is about to leave. */
export interface ResponseFacts {
  readonly status: number
  readonly method: string
  /** Pattern of the route, never the URL with its query; empty for an unknown route. */
  readonly route: string
  /** The route's declaration; `undefined` for an unknown route. */
  readonly declaration: RouteAudit | undefined
  readonly events: readonly SecurityEvent[]
  /** Outcomes of the rows that the handler wrote and committed. */
  readonly written: readonly AuditEvent['outcome'][]
  /** `code` of the error that made this response. */
  readonly errorCode: string | null
  /** What a reader of the trail asked for. */
  readonly asked?: Readonly<Record<string, unknown>> | null
  /** Whether the caller is known: a stranger can repeat a request without end. */
  readonly hasPrincipal: boolean
  /** Id of the declared resource, from the route's parameters. */
  readonly resource?: { readonly type: string; readonly id: string }
}

/** What is still to be written, and whether an effect went unrecorded. */
export interface ResponseAudit {
  /** To be written before the response leaves. */
  readonly events: readonly AuditEvent[]
  /** What they are about. */
  readonly eventClass: EventClass
  /** To be counted: what a stranger caused. */
  readonly counted: readonly AuditEvent[]
  /** A mutating route acknowledged, declared an audit action and wrote nothing. */
  readonly unfulfilled: boolean
}

const NOTHING_OWED: ResponseAudit = { events: [], eventClass: 'changes', counted: [], unfulfilled: false }
const MUTATING: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])
/** The one 5xx that the client causes. @see RFC 9110 §15.6.6 */
const VERSION_REFUSED = 505
/** Action of a refusal on a route that declares none of its own. */
const UNDECLARED_REFUSAL = 'request.access'
/** Action of a repeated answer: the effect has its row already. */
const REPLAY = 'request.replay'
/** Action of a refusal before any route: an ambiguous path, a method that is not served. */
export const UNROUTED_REFUSAL = 'request.refused'

/**
 * What the audit trail still owes this response: refusals and failures of declared routes, refusals by any stage
 * everywhere, effects that stages reported, and declared reads.
 */
export function decideResponse(facts: ResponseFacts): ResponseAudit {
  const refusals = facts.events.filter(event => event.outcome !== 'success')
  const effects = facts.events.filter(isSecurityEffect)
  // A redirect can be a refusal: an authorization error goes to the client that way. RFC 6749 §4.1.2.1
  const isRefusal = facts.status >= 400 || (facts.status >= 300 && refusals.length > 0 && effects.length === 0)
  return isRefusal ? decideRefusal(facts, refusals) : decideSuccess(facts, effects)
}

function decideRefusal(facts: ResponseFacts, refusals: readonly SecurityEvent[]): ResponseAudit {
  const action = declaredAction(facts.declaration)
  if (action === null && refusals.length === 0) return NOTHING_OWED
  if (facts.written.some(outcome => outcome !== 'success')) return NOTHING_OWED
  const decisive = refusals.at(-1)
  const isDenial = facts.status === 401 || facts.status === 403 || decisive?.outcome === 'denied'
  const event: AuditEvent = {
    action: action ?? refusedAction(facts.declaration),
    outcome: isDenial && (facts.status < 500 || facts.status === VERSION_REFUSED) ? 'denied' : 'failure',
    reason: decisive?.reason ?? facts.errorCode ?? `status-${facts.status}`,
    ...namedParties(decisive),
    ...auditedResource(facts, decisive),
    detail: { ...responseDetail(facts), ...(refusals.length > 0 ? { refusals: refusals.map(publicPart) } : {}) }
  }
  if (!facts.hasPrincipal) return { ...NOTHING_OWED, counted: [event] }
  return { ...NOTHING_OWED, events: [event], eventClass: 'refusals' }
}

function decideSuccess(facts: ResponseFacts, effects: readonly SecurityEvent[]): ResponseAudit {
  const { declaration, method, status } = facts
  const action = declaredAction(declaration)
  if (action === null || facts.written.length > 0) return NOTHING_OWED
  const row = { action, outcome: 'success', ...auditedResource(facts), detail: responseDetail(facts) } as const
  const replay = facts.events.find(event => event.stage === 'idempotency' && event.outcome === 'success')
  if (replay !== undefined) {
    const detail = { ...row.detail, action }
    return { ...NOTHING_OWED, events: [{ ...row, action: REPLAY, reason: replay.reason, detail }] }
  }
  if (effects.length > 0) return decideEffects(facts, row, effects)
  if (!MUTATING.has(method)) return { ...NOTHING_OWED, events: [row], eventClass: 'reads' }
  if (status >= 300 && typeof declaration === 'object' && declaration.redirect === 'no-effect') return NOTHING_OWED
  return { ...NOTHING_OWED, events: [{ ...row, reason: 'audit-unfulfilled' }], unfulfilled: true }
}

/** An effect without a caller, such as a logout without a session, is counted: anybody can cause it without end. */
function decideEffects(facts: ResponseFacts, row: AuditEvent, effects: readonly SecurityEvent[]): ResponseAudit {
  const events: AuditEvent[] = []
  const counted: AuditEvent[] = []
  for (const effect of effects) {
    const { reason, stage, detail } = effect
    const isSomebodys = facts.hasPrincipal || effect.clientId !== undefined || effect.subject !== undefined
    const place = isSomebodys ? events : counted
    const own = {
      ...namedParties(effect),
      ...auditedResource(facts, effect),
      detail: { ...responseDetail(facts), stage, ...detail }
    }
    place.push({ ...row, reason, ...own })
  }
  return { ...NOTHING_OWED, events, counted }
}

/** The action whose successes and errors are written, `null` where only refusals are. */
function declaredAction(declaration: RouteAudit | undefined): string | null {
  if (declaration === undefined || declaration === 'none' || declaration.only === 'refusals') return null
  return declaration.action
}

function refusedAction(declaration: RouteAudit | undefined): string {
  if (declaration === undefined) return UNROUTED_REFUSAL
  return declaration === 'none' ? UNDECLARED_REFUSAL : declaration.action
}

/** The `detail` of an event, never with the name that was typed. */
function publicPart({ stage, outcome, reason, detail }: SecurityEvent): Readonly<Record<string, unknown>> {
  return { stage, outcome, reason, detail }
}

/** Who an event is about. */
function namedParties(event: SecurityEvent | undefined): Pick<AuditEvent, 'subject' | 'clientId' | 'nameTried'> {
  const { subject, clientId, nameTried } = event ?? {}
  return {
    ...(subject === undefined ? {} : { subject }),
    ...(clientId === undefined ? {} : { clientId }),
    ...(nameTried === undefined ? {} : { nameTried })
  }
}

function responseDetail({ status, method, route, asked = null }: ResponseFacts): Readonly<Record<string, unknown>> {
  return { status, method, route, ...(asked !== null && { asked }) }
}

/** What the declaration names, or else what the deciding stage named. */
function auditedResource(facts: ResponseFacts, event?: SecurityEvent): Pick<AuditEvent, 'resource'> {
  const resource = facts.resource ?? event?.resource
  return resource === undefined ? {} : { resource }
}
