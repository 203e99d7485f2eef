import { randomUUID } from 'node:crypto'
import type { AuditEvent } from '@sallyport/security-context'
import type { WriteRecords } from './batch-writer.ts'
import type { RecordContext } from './build-record.ts'
import type { ReadAuditLogOptions } from './options.ts'
import { createRefusalCounts } from './refusal-counts.ts'
import { refusalKind, refusalRow, sampleRefusal, type RefusalSample } from './refusal-rows.ts'
import { createRefusalWriter, type RefusalWriter } from './write-refusals.ts'

/** Counts the refusals of strangers and writes the counts. */
export interface RefusalLog extends Omit<RefusalWriter<RefusalSample>, 'count'> {
  /** Counts a refusal. Never throws, never waits. */
  readonly count: (event: AuditEvent, context: RecordContext) => void
}

/**
 * Composes the counting: kinds, rows, and when they are written.
 * @param onError called when an outage begins, and when refusals are lost at the end of the process
 */
export function createRefusalLog(
  options: ReadAuditLogOptions,
  write: WriteRecords,
  onError: (error: unknown, unwritten: number) => void
): RefusalLog {
  const { refusals, writeTimeoutMs, schedule, clock } = options
  const writer = createRefusalWriter<RefusalSample>({
    counts: createRefusalCounts(refusals.maxKeys, randomUUID),
    write: async tallies => {
      await write(tallies.map(tally => refusalRow(tally, options)))
    },
    intervalMs: refusals.intervalMs,
    closeTimeoutMs: writeTimeoutMs,
    schedule,
    clock,
    onError
  })
  return {
    ...writer,
    count: (event, context) => {
      writer.count(refusalKind(event, context), () => sampleRefusal(event, context))
    }
  }
}
