import type { MonotonicClock, StartTimer } from '@sallyport/security-context/mechanics'
import { startTimer as timerOfProcess } from '@sallyport/security-context/mechanics'
import type { FoundRecord, MissingTrail } from '../search/search-trails.ts'
import { parsePlaces, placesText } from '../search/trail-places.ts'
import { followTrail, type FollowedTrail, type LiveTrail } from './followed-trail.ts'

/** What somebody who follows several trails is told next; `next` is where to go on from. */
export type TrailsStep =
  | { readonly kind: 'row'; readonly row: FoundRecord; readonly next: string }
  /** A trail that does not answer: what happens there is shown once it does. */
  | { readonly kind: 'missing'; readonly missing: MissingTrail; readonly next: string }
  /** A trail that was missing answers again. */
  | { readonly kind: 'back'; readonly trail: string; readonly next: string }
  /** Nothing new for a while; and first, where every trail begins, so that who loses the stream misses nothing. */
  | { readonly kind: 'quiet'; readonly next: string }

/** How several trails are followed. */
export interface TrailsTail {
  /** `next` of an earlier step; left out: each trail from its end. */
  readonly after?: string | undefined
  readonly signal: AbortSignal
  /** How long a row waits for earlier ones of other trails, in ms. Default 1500: longer than it takes to seal. */
  readonly settleMs?: number
  /** From the end of a trail's answer to the next question, in ms. Default 2000. */
  readonly retryMs?: number
  /** How often a quiet tail says so, in ms. Default 15 000. */
  readonly quietMs?: number
  readonly monotonicClock?: MonotonicClock
  readonly startTimer?: StartTimer
}

/** Rows of one trail that wait for those of others: so many that a reader who takes nothing costs little memory. */
const MOST_WAITING_ROWS = 50

/**
 * Follows several trails as one, merged by time. A row waits for earlier ones of the other trails, but not for long.
 * Within a trail rows keep the order in which they were sealed, and each has a place of its own in the cursor: no row
 * is left out or shown twice. A trail that does not answer is named, and followed again from where it was. Nothing more
 * is read than some rows of each while the reader takes none.
 * @throws {AuditQueryInvalidError} `SALLYPORT_AUDIT_QUERY_INVALID` for a cursor that is none
 */
export function followTrails(trails: readonly LiveTrail[], tail: TrailsTail): AsyncGenerator<TrailsStep> {
  const places = tail.after === undefined ? new Map<string, number | 'end'>() : parsePlaces(tail.after)
  return mergeTrails(trails, tail, places)
}

async function* mergeTrails(
  trails: readonly LiveTrail[],
  tail: TrailsTail,
  places: Map<string, number | 'end'>
): AsyncGenerator<TrailsStep> {
  const { settleMs = 1500, retryMs = 2000, quietMs = 15_000 } = tail
  const { monotonicClock: now = () => performance.now(), startTimer = timerOfProcess } = tail
  const leaving = new AbortController()
  const signal = AbortSignal.any([tail.signal, leaving.signal])
  let wake = Promise.withResolvers<void>()
  const timing = { now, startTimer, retryMs, most: MOST_WAITING_ROWS, signal }
  const followed = trails.map(trail => {
    const place = places.get(trail.name)
    return followTrail(trail, typeof place === 'number' ? place : undefined, {
      ...timing,
      changed: () => {
        wake.resolve()
      }
    })
  })
  signal.addEventListener('abort', () => {
    wake.resolve()
  })
  const beganAt = now()
  let quietSince = beganAt
  let isPlaced = false
  try {
    while (!signal.aborted) {
      const step = nextOfTrails(followed, places, isPlaced ? now() - settleMs : null)
      if (step !== null) {
        quietSince = now()
        yield step
        continue
      }
      if (!isPlaced && (now() - beganAt >= settleMs || followed.every(isAtPlace))) {
        isPlaced = true
        yield { kind: 'quiet', next: placesText(places) }
        continue
      }
      if (now() - quietSince >= quietMs) {
        quietSince = now()
        yield { kind: 'quiet', next: placesText(places) }
        continue
      }
      const settledAt = isPlaced
        ? Math.min(...followed.map(({ waiting }) => (waiting[0]?.sinceMs ?? Infinity) + settleMs))
        : beganAt + settleMs
      const timer = startTimer(
        () => {
          wake.resolve()
        },
        Math.max(1, Math.min(settledAt, quietSince + quietMs) - now())
      )
      await wake.promise
      timer.stop()
      wake = Promise.withResolvers<void>()
    }
  } finally {
    leaving.abort()
  }
}

function isAtPlace({ place, isMissing }: FollowedTrail): boolean {
  return place !== undefined || isMissing
}

/**
 * What can be told now; `null` where a row may still be preceded by one of another trail.
 * @param settledBefore rows that came by then wait no longer; `null`: no row is told yet
 */
function nextOfTrails(
  followed: readonly FollowedTrail[],
  places: Map<string, number | 'end'>,
  settledBefore: number | null
): TrailsStep | null {
  for (const trail of followed) {
    const { name } = trail
    if (!places.has(name) && trail.place !== undefined) places.set(name, trail.place)
    const news = trail.takeNews()
    if (news === null) continue
    const next = placesText(places)
    return news === 'back'
      ? { kind: 'back', trail: name, next }
      : { kind: 'missing', missing: { trail: name, reason: news.reason }, next }
  }
  if (settledBefore === null) return null
  const first = earliestOf(followed)
  const [head] = first?.waiting ?? []
  if (first === null || head === undefined) return null
  const isSettled = head.sinceMs <= settledBefore || first.waiting.length >= MOST_WAITING_ROWS
  if (!isSettled && followed.some(({ waiting, isMissing }) => waiting.length === 0 && !isMissing)) return null
  first.takeRow()
  places.set(first.name, head.row.sequence)
  return { kind: 'row', row: { ...head.row, trail: first.name }, next: placesText(places) }
}

function earliestOf(followed: readonly FollowedTrail[]): FollowedTrail | null {
  let first: FollowedTrail | null = null
  for (const trail of followed) {
    const [head, best] = [trail.waiting[0], first?.waiting[0]]
    if (head !== undefined && (best === undefined || head.row.occurredAt < best.row.occurredAt)) first = trail
  }
  return first
}
