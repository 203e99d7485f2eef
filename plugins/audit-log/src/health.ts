import type { BatchWriter, WriterCounts } from './batch-writer.ts'
import type { ReadAuditLogOptions } from './options.ts'
import type { AuditSealer } from './audit-sealer.ts'
import type { CheckpointState, CheckpointTask } from './checkpoint/run-checkpoints.ts'
import type { PruningState, PruningTask } from './pruning/run-pruning.ts'
import type { PushState, PushTask } from './push/run-push.ts'
import type { OutageCounts, TrailWriter } from './outage/trail-writer.ts'

/** The state of the trail, for readiness and metrics. */
export interface AuditHealth {
  /**
   * Rejects with the reason when the sealer runs here and has not succeeded for too many intervals, and when the trail
   * does not verify, or its push falls behind, and that is to count. It queries nothing, so it works while the
   * database does not.
   */
  readonly check: () => Promise<void>
  /** Counts of the writer, and how long the sealer has not succeeded: `null` when none runs here. */
  readonly counts: () => WriterCounts & { readonly unsealedForMs: number | null }
  /** Rows that were kept or left out because the database did not take them. */
  readonly outage: () => OutageCounts
  /** Checkpoints and verification; `null` where this process makes none. */
  readonly checkpoints: () => CheckpointState | null
  /** The push of the trail; `null` where this process pushes nothing. */
  readonly push: () => PushState | null
  /** Pruning by schedule; `null` where this process prunes nothing. */
  readonly pruning: () => PruningState | null
}

/** What the state is read from. */
interface HealthSources {
  readonly writer: BatchWriter
  readonly trail: TrailWriter
  readonly sealer: AuditSealer
  readonly checkpoints: CheckpointTask | null
  readonly push: PushTask | null
  readonly pruning: PruningTask | null
}

/** A failing writer shows in its 503s and in the check of the database; a stalled sealer shows only here. */
export function createAuditHealth(
  { sealer: intervals }: ReadAuditLogOptions,
  { writer, trail, sealer, checkpoints, push, pruning }: HealthSources
): AuditHealth {
  return {
    check: async () => {
      await checkpoints?.check()
      await push?.check()
      const unsuccessful = sealer.unsuccessfulForMs()
      if (unsuccessful === null || intervals === false) return
      if (unsuccessful <= intervals.intervalMs * intervals.stalledAfterIntervals) return
      throw new Error(`no audit rows could be sealed for ${Math.round(unsuccessful)} ms`)
    },
    counts: () => ({ ...writer.counts(), unsealedForMs: sealer.unsuccessfulForMs() }),
    outage: trail.counts,
    checkpoints: () => checkpoints?.state() ?? null,
    push: () => push?.state() ?? null,
    pruning: () => pruning?.state() ?? null
  }
}
