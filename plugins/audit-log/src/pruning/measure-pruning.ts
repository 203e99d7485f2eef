import type { Measurement } from '@sallyport/security-context'
import type { PruningState } from './run-pruning.ts'

/** What operators watch of pruning by schedule. */
export function pruningMeasurements(state: () => PruningState | null): Measurement[] {
  return [
    {
      name: 'sallyport_audit_rows_pruned_total',
      help: 'Old audit rows that this process removed',
      kind: 'counter',
      read: () => state()?.removed ?? null
    },
    {
      name: 'sallyport_audit_prune_postponed_rows',
      help: 'Old audit rows that are kept because they were not pushed yet, counted up to 10000',
      kind: 'gauge',
      amongWorkers: 'max',
      read: () => state()?.postponed ?? null
    },
    {
      name: 'sallyport_audit_pruning_silent_seconds',
      help: 'How long no run that removes old audit rows has succeeded',
      kind: 'gauge',
      amongWorkers: 'max',
      read: () => (state()?.silentForMs ?? 0) / 1000
    }
  ]
}
