import type { AuditTrailSettings } from '@sallyport/audit-log'

/** The settings of an audit trail as they are by default. */
export const AUDIT_TRAIL_SETTINGS: AuditTrailSettings = Object.freeze({
  auditOutageChanges: 'refuse',
  auditOutageRefusals: 'refuse',
  auditOutageReads: 'refuse',
  auditSpillMaxBytes: 67_108_864,
  auditFormerCheckpointKeys: [],
  auditDayKeysKeptDays: 90,
  auditCheckpointIntervalMs: 60_000,
  auditVerifierIntervalMs: 2000,
  auditVerifierRows: 2000,
  auditVerifierReadiness: false,
  auditPushIntervalMs: 1000,
  auditPushBatchRows: 200,
  auditPushTimeoutMs: 10_000,
  auditPushReadiness: false,
  auditPruneIntervalMs: 3_600_000
})
