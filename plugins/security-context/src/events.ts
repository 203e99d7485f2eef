/** The stages that a request passes and that report here. */
export type SecurityStage = 'hygiene' | 'transport' | 'authentication' | 'session' | 'authorization' | 'token-exchange' | 'forward' | 'grant' | 'revocation' | 'audit'

/** How a stage ended: `denied` is a decision about the caller, `failure` is ours (an outage, a broken key set). */
export type SecurityOutcome = 'success' | 'denied' | 'failure'

/**
 * What a stage found out, appended to `request.securityEvents`. The audit log writes the events and metrics count them,
 * so no stage knows that either exists.
 */
export interface SecurityEvent {
  readonly stage: SecurityStage
  readonly outcome: SecurityOutcome
  /** Stable identifier, kebab-case, of bounded cardinality: `token-expired`, `audience-mismatch`. Metrics use it as a label. */
  readonly reason: string
  /** More for the audit trail. Never a token, a password or another secret. */
  readonly detail?: Readonly<Record<string, string | number | boolean | null>>
}
