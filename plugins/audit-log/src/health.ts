import type { BatchWriter, WriterCounts } from './batch-writer.ts'
import type { ReadAuditLogOptions } from './options.ts'
import type { Sealer } from './sealer.ts'

/** How the trail fares, for readiness and for numbers. */
export interface AuditHealth {
  /**
   * Rejects, saying why, when the sealer runs here and has not succeeded for too many intervals. Queries nothing, so it
   * answers while the database does not.
   */
  readonly check: () => Promise<void>
  /** Numbers of the writer, and for how long the sealer has not succeeded: `null` when none runs here. */
  readonly counts: () => WriterCounts & { readonly unsealedForMs: number | null }
}

/**
 * A writer that fails shows in its 503s and in the database's own check; a sealer that stands still shows only here.
 */
export function createAuditHealth(
  { sealer: intervals }: ReadAuditLogOptions,
  writer: BatchWriter,
  sealer: Sealer
): AuditHealth {
  return {
    check: async () => {
      const unsuccessful = sealer.unsuccessfulForMs()
      if (unsuccessful === null || intervals === false) return
      if (unsuccessful <= intervals.intervalMs * intervals.stalledAfterIntervals) return
      throw new Error(`no audit rows could be sealed for ${Math.round(unsuccessful)} ms`)
    },
    counts: () => ({ ...writer.counts(), unsealedForMs: sealer.unsuccessfulForMs() })
  }
}
