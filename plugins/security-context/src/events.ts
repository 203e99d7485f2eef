/** The stages that a request passes and that report here. */
export type SecurityStage =
  | 'hygiene'
  | 'transport'
  | 'authentication'
  | 'session'
  | 'authorization'
  | 'token-exchange'
  | 'forward'
  | 'grant'
  | 'revocation'
  | 'audit'
  | 'idempotency'

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
   * The account name that a login was tried with, as it was typed: a stage never hashes it. The audit log keeps it in
   * clear only next to a `subject`, otherwise as a keyed hash, since people type their password into that field. For
   * the same reason it belongs into no log line, no metric and not into `detail`.
   */
  readonly nameTried?: string
  /** What was asked for, where the route's own declaration does not say it. */
  readonly resource?: { readonly type: string; readonly id: string }
  /** More for the audit trail. Never a token, a password or another secret. */
  readonly detail?: Readonly<Record<string, string | number | boolean | null>>
}
