import { randomUUID } from 'node:crypto'
import type { AuditRecord } from '@sallyport/audit-log'

/** A row as the plugin would have made it. */
export function sampleRecord(action: string): AuditRecord {
  return {
    version: 2,
    id: randomUUID(),
    occurredAt: '2026-11-23T10:00:00.123000Z',
    process: 'test',
    action,
    outcome: 'success',
    reason: null,
    subject: 'user-1',
    issuer: null,
    clientId: null,
    actor: null,
    sessionId: null,
    tokenIdHash: null,
    resourceType: null,
    resourceId: null,
    requestId: null,
    traceId: null,
    txn: null,
    sourceAddress: null,
    detail: { canary: 'in clear' },
    peerAddress: null,
    nameTried: null,
    repeats: 1
  }
}
