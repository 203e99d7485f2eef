/**
 * The roles that work with the audit tables; both must exist. The role that migrates owns the tables and is neither.
 */
export interface AuditRoles {
  /** Role of the running service: it may insert and select, nothing else. */
  readonly appRole: string
  /** Role of the retention job: it may delete sealed old rows, and leaves a mark. */
  readonly prunerRole: string
}
