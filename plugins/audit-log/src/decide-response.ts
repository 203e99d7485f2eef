import type { AuditEvent, RouteAudit, SecurityEvent, SecurityStage } from '@sallyport/security-context'

/** What is known of a request when its response is about to leave. */
export interface ResponseFacts {
  readonly status: number
  readonly method: string
  /** Pattern of the route, never the URL with its query. */
  readonly route: string
  /** The route's declaration; `undefined` for a 404 or an undeclared route. */
  readonly declaration: RouteAudit | undefined
  readonly events: readonly SecurityEvent[]
  /** Outcomes of the rows that the handler wrote and committed. */
  readonly written: readonly AuditEvent['outcome'][]
  /** `code` of the error that made this response. */
  readonly errorCode: string | null
  /** Id of the declared resource, from the route's parameters. */
  readonly resource?: { readonly type: string, readonly id: string }
}

/** What is still to be written, and whether an effect went unrecorded. */
export interface ResponseAudit {
  readonly events: readonly AuditEvent[]
  /** A mutating route answered 2xx, declared an audit action and wrote nothing. */
  readonly unfulfilled: boolean
}

const NOTHING: ResponseAudit = { events: [], unfulfilled: false }
const MUTATING: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])
/** Stages whose success is an effect (a login, a logout, an issued token), not a check passed on the way to one. */
const EFFECTS: ReadonlySet<SecurityStage> = new Set<SecurityStage>(['session', 'grant', 'revocation'])
/** Action of a refusal on a route that declares none of its own. */
const ACCESS = 'request.access'

/**
 * What the audit trail still owes this response: refusals and failures of declared routes, refusals by any stage
 * everywhere, effects that stages reported, and declared reads.
 */
export function decideResponse (facts: ResponseFacts): ResponseAudit {
  if (facts.declaration === undefined) return NOTHING
  return facts.status >= 400 ? decideRefusal(facts, facts.declaration) : decideSuccess(facts, facts.declaration)
}

function decideRefusal (facts: ResponseFacts, declaration: RouteAudit): ResponseAudit {
  const refusals = facts.events.filter(event => event.outcome !== 'success')
  if (declaration === 'none' && refusals.length === 0) return NOTHING
  if (facts.written.some(outcome => outcome !== 'success')) return NOTHING
  const decisive = refusals.at(-1)
  const denied = facts.status < 500 && (facts.status === 401 || facts.status === 403 || decisive?.outcome === 'denied')
  return {
    events: [{
      action: declaration === 'none' ? ACCESS : declaration.action,
      outcome: denied ? 'denied' : 'failure',
      reason: decisive?.reason ?? facts.errorCode ?? `status-${facts.status}`,
      ...named(decisive),
      ...resourceOf(facts, decisive),
      detail: { ...responseDetail(facts), ...(refusals.length > 0 ? { refusals: refusals.map(publicPart) } : {}) }
    }],
    unfulfilled: false
  }
}

function decideSuccess (facts: ResponseFacts, declaration: RouteAudit): ResponseAudit {
  if (declaration === 'none' || facts.written.length > 0) return NOTHING
  const effects = facts.events.filter(event => event.outcome === 'success' && EFFECTS.has(event.stage))
  const row = { action: declaration.action, outcome: 'success', ...resourceOf(facts), detail: responseDetail(facts) } as const
  if (effects.length > 0) return { events: effects.map(effect => ({ ...row, ...effectPart(facts, effect) })), unfulfilled: false }
  if (!MUTATING.has(facts.method)) return { events: [row], unfulfilled: false }
  return facts.status < 300 ? { events: [{ ...row, reason: 'audit-unfulfilled' }], unfulfilled: true } : NOTHING
}

function effectPart (facts: ResponseFacts, effect: SecurityEvent): Partial<AuditEvent> {
  const { reason, stage, detail } = effect
  return { reason, ...named(effect), ...resourceOf(facts, effect), detail: { ...responseDetail(facts), stage, ...detail } }
}

/** What an event shows in `detail`: never the name that was typed. */
function publicPart ({ stage, outcome, reason, detail }: SecurityEvent): Readonly<Record<string, unknown>> {
  return { stage, outcome, reason, detail }
}

/** Who an event is about. */
function named (event: SecurityEvent | undefined): Pick<AuditEvent, 'subject' | 'clientId' | 'nameTried'> {
  const { subject, clientId, nameTried } = event ?? {}
  return {
    ...(subject === undefined ? {} : { subject }),
    ...(clientId === undefined ? {} : { clientId }),
    ...(nameTried === undefined ? {} : { nameTried })
  }
}

function responseDetail ({ status, method, route }: ResponseFacts): Readonly<Record<string, unknown>> {
  return { status, method, route }
}

/** What the declaration names, else what the stage that decided named. */
function resourceOf (facts: ResponseFacts, event?: SecurityEvent): Pick<AuditEvent, 'resource'> {
  const resource = facts.resource ?? event?.resource
  return resource === undefined ? {} : { resource }
}
