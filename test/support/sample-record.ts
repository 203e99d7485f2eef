import type { AuditRecord } from '@sallyport/audit-log'
import { buildRecord } from '../../plugins/audit-log/src/build-record.ts'
import { fieldClasses } from '../../plugins/audit-log/src/privacy/field-class.ts'
import { createJoinHash } from '../../plugins/audit-log/src/privacy/join-hash.ts'

/** A row as the plugin makes it. */
export function sampleRecord(action: string): AuditRecord {
  return buildRecord(
    { action, outcome: 'success', subject: 'user-1', detail: { canary: 'in clear' } },
    {
      process: 'test',
      now: new Date('2026-11-23T10:00:00.123Z'),
      classify: fieldClasses(),
      joinHash: createJoinHash(),
      principal: null
    }
  )
}
