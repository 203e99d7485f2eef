import { NOTHING, type SpanRecord } from '../../../../plugins/service-process/src/span-record.ts'

/** A span of an exported trace that has ended well, but for what a test says. */
export const endedSpan = (facts: Partial<SpanRecord>): SpanRecord => ({
  traceId: 'a'.repeat(32),
  spanId: 'b'.repeat(16),
  parentSpanId: null,
  state: null,
  isSampled: true,
  hasFailed: false,
  scope: 'test',
  name: 'test',
  kind: 0,
  startMs: 0,
  endMs: 1,
  common: NOTHING,
  attributes: NOTHING,
  events: NOTHING,
  links: NOTHING,
  ...facts
})
