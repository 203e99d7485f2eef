import type { AuditRecord } from '@sallyport/audit-log'
import { buildRecord } from '../../../../plugins/audit-log/src/build-record.ts'
import { createHashName } from '../../../../plugins/audit-log/src/hash-name.ts'

/** A row as the plugin makes it. */
export function sampleRecord(action: string): AuditRecord {
  return buildRecord(
    { action, outcome: 'success', subject: 'user-1', detail: { canary: 'in clear' } },
    {
      process: 'test',
      now: new Date('2026-11-23T10:00:00.123Z'),
      secretNames: new Set(),
      principal: null,
      hashName: createHashName()
    }
  )
}
