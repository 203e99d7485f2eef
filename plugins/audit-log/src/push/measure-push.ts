import type { Measurement } from '@sallyport/security-context'
import type { PushState } from './run-push.ts'

/** What operators watch of the push of a trail. */
export function pushMeasurements(state: () => PushState | null): Measurement[] {
  const read = (name: keyof PushState) => () => state()?.[name] ?? null
  return [
    {
      name: 'sallyport_audit_push_waiting_rows',
      help: 'Sealed audit rows that the receiver of the push does not have',
      kind: 'gauge',
      amongWorkers: 'max',
      read: read('waiting')
    },
    {
      name: 'sallyport_audit_push_lag_seconds',
      help: 'How long ago the oldest audit row that was not pushed was sealed',
      kind: 'gauge',
      amongWorkers: 'max',
      read: () => (state()?.behindMs ?? 0) / 1000
    },
    {
      name: 'sallyport_audit_rows_pushed_total',
      help: 'Audit rows that this process pushed to the receiver',
      kind: 'counter',
      read: read('pushed')
    },
    {
      name: 'sallyport_audit_push_failures_total',
      help: 'Attempts to push audit rows that failed and are repeated',
      kind: 'counter',
      read: read('failures')
    },
    {
      name: 'sallyport_audit_push_refused_rows_total',
      help: 'Audit rows that the receiver of the push refused or left out',
      kind: 'counter',
      read: read('refused')
    }
  ]
}
