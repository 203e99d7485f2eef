import type { FastifyRequest } from 'fastify'

/** What a stage is. */
export interface SecurityStageTraits {
  /** What the stage finds out, as the documentation says it. */
  readonly finds: string
  /**
   * `effect`: a success changes something (a login, an issued token), so the audit trail owes it a row. `check`: a
   * success is one step of the way to an effect.
   */
  readonly success: 'effect' | 'check'
}

/**
 * The stages that a request passes and that report here. The type, the label of the metric, what the audit log takes
 * for an effect and the table in the README follow from this one.
 */
export const SECURITY_STAGES = Object.freeze({
  hygiene: { finds: 'whether the request can be read in one way only', success: 'check' },
  authentication: { finds: 'who is calling', success: 'check' },
  session: { finds: 'logins, logouts and refreshes of a session', success: 'effect' },
  authorization: { finds: 'whether the caller may do this', success: 'check' },
  'token-exchange': { finds: 'a token for another service', success: 'check' },
  forward: { finds: 'how the call of the service behind the edge went', success: 'check' },
  grant: { finds: 'what the authorization server issued', success: 'effect' },
  revocation: { finds: 'what the authorization server revoked', success: 'effect' },
  audit: { finds: 'whether the trail has what it is owed', success: 'check' },
  idempotency: { finds: 'whether the request was answered before', success: 'check' }
} as const satisfies Record<string, SecurityStageTraits>)

/** The name of a stage. */
export type SecurityStage = keyof typeof SECURITY_STAGES

/** How a stage ended: `denied` is a decision about the caller, `failure` is ours (an outage, a broken key set). */
export type SecurityOutcome = 'success' | 'denied' | 'failure'

/**
 * What a stage found out, appended to `request.securityEvents`. The audit log writes the events and metrics count them,
 * so no stage knows that either exists.
 */
export interface SecurityEvent {
  readonly stage: SecurityStage
  readonly outcome: SecurityOutcome
  /** Stable identifier, kebab-case, of bounded cardinality: `token-expired`. Metrics use it as a label. */
  readonly reason: string
  /** The account that the event is about, where no principal is known yet: who logged in, whose password was wrong. */
  readonly subject?: string
  /** The OAuth client that the event is about, where no principal is known yet. */
  readonly clientId?: string
  /**
   * The account name that a login was tried with, as it was typed: a stage never hashes it. The audit log seals it next
   * to a `subject`, and otherwise keeps a keyed hash, since people type their password into that field. For the same
   * reason it belongs into no log line, no metric and not into `detail`.
   */
  readonly nameTried?: string
  /** What was asked for, where the route's own declaration does not say it. */
  readonly resource?: { readonly type: string; readonly id: string }
  /** More for the audit trail. Never a token, a password or another secret. */
  readonly detail?: Readonly<Record<string, string | number | boolean | null>>
}

/**
 * Reports what a stage found out: the one way to do so. In an app without the security context nobody collects events,
 * so the log gets what was refused or failed (`info`) and what was accepted (`debug`).
 */
export function recordSecurityEvent(request: FastifyRequest, event: SecurityEvent): void {
  const { securityEvents }: EventsOfBareApp = request
  if (securityEvents !== undefined) {
    securityEvents.push(event)
    return
  }
  // People type their password into the field of the name.
  const { nameTried: _nameTried, ...shown } = event
  request.log[event.outcome === 'success' ? 'debug' : 'info']({ securityEvent: shown }, 'security event')
}

/** What the stages of this request found out so far, oldest first; nothing in an app without the security context. */
export function securityEventsOf(request: FastifyRequest): readonly SecurityEvent[] {
  const { securityEvents }: EventsOfBareApp = request
  return securityEvents ?? []
}

/** Whether an event reports an effect, which the audit trail owes a row; never for a stage that is not in the table. */
export function isSecurityEffect({ stage, outcome }: Pick<SecurityEvent, 'stage' | 'outcome'>): boolean {
  return outcome === 'success' && Object.hasOwn(SECURITY_STAGES, stage) && SECURITY_STAGES[stage].success === 'effect'
}

/** The slot is there by type, and in a bare app not at run time. */
type EventsOfBareApp = Partial<Pick<FastifyRequest, 'securityEvents'>>
