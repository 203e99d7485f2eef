import type { AuditEvent } from '@sallyport/security-context'
import { buildRecord, type RecordContext } from './build-record.ts'
import type { ReadAuditLogOptions } from './options.ts'
import type { BuiltRecord } from './record.ts'

/** The record of an event of the process itself, which belongs to no request. */
export function recordWithoutRequest(options: ReadAuditLogOptions, event: AuditEvent): BuiltRecord {
  return buildRecord(event, processContext(options))
}

/** What a record says where there is no request. */
export function processContext({ process, clock, classify, joinHash, versions }: ReadAuditLogOptions): RecordContext {
  return { process, now: new Date(clock()), classify, joinHash, principal: null, versions: versions(null) }
}
