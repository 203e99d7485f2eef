import type { Measurement } from '@sallyport/security-context'
import type { SpanCounts } from './span-batches.ts'

/** What operators watch of the spans that leave a process. */
export function spanMeasurements(counts: () => SpanCounts): Measurement[] {
  return [
    {
      name: 'sallyport_spans_total',
      help: 'Spans that the collector took, that were dropped because too many waited, and that it refused',
      kind: 'counter',
      labels: ['outcome'],
      read: () => {
        const { waiting: _waiting, ...outcomes } = counts()
        return Object.entries(outcomes).map(([outcome, value]) => ({ labels: { outcome }, value }))
      }
    },
    {
      name: 'sallyport_spans_waiting',
      help: 'Spans that wait for their batch, or for the collector',
      kind: 'gauge',
      read: () => counts().waiting
    }
  ]
}
