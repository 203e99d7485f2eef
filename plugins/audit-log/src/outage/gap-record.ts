import type { AuditEvent } from '@sallyport/security-context'
import { buildRecord } from '../build-record.ts'
import type { BuiltRecord } from '../record.ts'
import type { ProcessRowContext } from '../refusal-rows.ts'
import type { TrailGap } from './spill-tally.ts'

/** Action of a row that stands for rows which are missing. */
export const GAP_ACTION = 'audit.gap'

/** The row of a gap: the same at every attempt to write it. `repeats` says how many rows are missing. */
export function gapRecord(gap: TrailGap, context: ProcessRowContext): BuiltRecord {
  const { id, cause, eventClass, count, firstAtMs, lastAtMs } = gap
  const event: AuditEvent = {
    action: GAP_ACTION,
    outcome: 'failure',
    reason: cause,
    detail: {
      missing: cause === 'tally-damaged' ? null : count,
      class: eventClass,
      firstAt: new Date(firstAtMs).toISOString(),
      lastAt: new Date(lastAtMs).toISOString()
    }
  }
  const record = buildRecord(event, { ...context, now: new Date(lastAtMs), principal: null })
  return { ...record, id, repeats: Math.max(count, 1) }
}
