import type { Measurement } from '@sallyport/security-context'
import type { SpanCounts } from './span-batches.ts'

/** What became of the spans of this process, for operators: traces that lack spans should be no riddle. */
export function spanMeasurements(counts: () => SpanCounts): Measurement[] {
  return [
    {
      name: 'sallyport_spans_exported_total',
      help: 'Spans that the collector took',
      kind: 'counter',
      read: () => counts().exported
    },
    {
      name: 'sallyport_spans_lost_total',
      help: 'Spans that were dropped because too many waited, or that the collector refused',
      kind: 'counter',
      labels: ['reason'],
      read: () => {
        const { dropped, failed } = counts()
        return [
          { labels: { reason: 'queue_full' }, value: dropped },
          { labels: { reason: 'refused' }, value: failed }
        ]
      }
    },
    {
      name: 'sallyport_spans_waiting',
      help: 'Spans that wait for the collector',
      kind: 'gauge',
      read: () => counts().waiting
    }
  ]
}
