import type { AuditTrailSettings } from '@sallyport/audit-log'

/** The settings of an audit trail as they are by default. */
export const AUDIT_TRAIL_SETTINGS: AuditTrailSettings = Object.freeze({
  auditOutageChanges: 'refuse',
  auditOutageRefusals: 'refuse',
  auditOutageReads: 'refuse',
  auditSpillMaxBytes: 67_108_864,
  auditFormerCheckpointKeys: [],
  auditCheckpointIntervalMs: 60_000,
  auditVerifierIntervalMs: 2000,
  auditVerifierRows: 2000,
  auditVerifierReadiness: false
})
