import { randomUUID } from 'node:crypto'
import type { Clock } from '@sallyport/security-context/mechanics'
import type { EventClass } from '../event-class.ts'
import type { GapCause, TallyState, TrailGap } from './spill-tally.ts'

/** Adds missing rows to the open gap of their kind, so that there are few. */
export function countGap(
  { gaps }: TallyState,
  clock: Clock,
  { cause, eventClass, count }: Pick<TrailGap, 'eventClass' | 'count'> & { readonly cause: GapCause }
): TrailGap {
  const now = clock()
  const known = gaps.find(gap => !gap.closed && gap.cause === cause && gap.eventClass === eventClass)
  const gap = known ?? newGap(cause, eventClass, now)
  if (known === undefined) gaps.push(gap)
  gap.count += count
  gap.lastAtMs = now
  return gap
}

function newGap(cause: GapCause, eventClass: EventClass | null, now: number): TrailGap {
  return { id: randomUUID(), cause, eventClass, count: 0, firstAtMs: now, lastAtMs: now, closed: false }
}
