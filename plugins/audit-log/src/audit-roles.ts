/**
 * The roles that work with the audit tables; both must exist. The role that migrates owns the tables and is neither.
 */
export interface AuditRoles {
  /** Role of the running service: may insert and select, nothing else. */
  readonly appRole: string
  /** Role of the retention job: may delete what is sealed and old, and must leave a mark. */
  readonly prunerRole: string
}
