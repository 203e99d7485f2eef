import { withDeadline } from '@sallyport/security-context/mechanics'
import type { AuditPage, AuditQuery, SealedRecord } from '../query.ts'
import { parsePlaces, placesText, type TrailPlaces } from './trail-places.ts'

/** One trail of several. */
export interface TrailSource {
  /** Of the process that keeps it. */
  readonly name: string
  /** A page, as the audit route of that process answers. */
  readonly read: (query: AuditQuery) => Promise<AuditPage>
}

/** A row, with the trail that it is in. */
export interface FoundRecord extends SealedRecord {
  readonly trail: string
}

/** A trail that has nothing in this page because it did not answer. */
export interface MissingTrail {
  readonly trail: string
  /** A code or a status, for people. */
  readonly reason: string
}

/** One page over all trails. */
export interface TrailsPage {
  readonly events: readonly FoundRecord[]
  /** `after` of the next page; `null` when none of those that answered has more. */
  readonly next: string | null
  readonly missing: readonly MissingTrail[]
}

/**
 * Reads one page of several trails, merged by time. Each trail is read in the order in which it was sealed and has a
 * place of its own in the cursor, so that no row is left out or shown twice, whatever clocks say; a trail that did not
 * answer goes on where it was.
 * @param query without `after`
 * @param after `next` of the page before
 * @param timeoutMs how long each trail may take
 * @throws {AuditQueryInvalidError} `SALLYPORT_AUDIT_QUERY_INVALID` for a cursor that is none
 */
export async function searchTrails(
  sources: readonly TrailSource[],
  query: AuditQuery,
  after: string | undefined,
  timeoutMs: number
): Promise<TrailsPage> {
  const places = after === undefined ? new Map<string, number | 'end'>() : parsePlaces(after)
  const asked = sources.filter(({ name }) => places.get(name) !== 'end')
  const answers = await Promise.all(asked.map(async source => await readTrail(source, query, places, timeoutMs)))
  const missing = answers.flatMap(({ name: trail, reason }) => (reason === null ? [] : [{ trail, reason }]))
  const events = mergeByTime(answers, query)
  const moved = new Map(places)
  for (const { trail, sequence } of events) moved.set(trail, sequence)
  let hasMore = false
  for (const { name, page } of answers) {
    if (page === null) continue
    const isShown = page.events.every(({ sequence }) =>
      events.some(row => row.trail === name && row.sequence === sequence)
    )
    if (isShown && page.next === null) moved.set(name, 'end')
    else hasMore = true
  }
  return { events, next: hasMore ? placesText(moved) : null, missing }
}

interface TrailAnswer {
  readonly name: string
  readonly page: AuditPage | null
  readonly reason: string | null
}

async function readTrail(
  { name, read }: TrailSource,
  query: AuditQuery,
  places: TrailPlaces,
  timeoutMs: number
): Promise<TrailAnswer> {
  const place = places.get(name)
  try {
    const page = await withDeadline(read({ ...query, ...(typeof place === 'number' && { after: place }) }), timeoutMs)
    return { name, page, reason: null }
  } catch (error) {
    return { name, page: null, reason: missingReason(error) }
  }
}

/** A code says enough; a message may have more in it than a reader of the trail may know. */
export function missingReason(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'no answer'
}

/** Takes the next row of all, again and again: as many as the page has room for. */
function mergeByTime(answers: readonly TrailAnswer[], { order, limit }: AuditQuery): FoundRecord[] {
  const queues = answers.map(({ name, page }) => ({ trail: name, rows: [...(page?.events ?? [])] }))
  const merged: FoundRecord[] = []
  while (merged.length < limit) {
    let first: (typeof queues)[number] | null = null
    for (const queue of queues) {
      const [row, best] = [queue.rows[0], first?.rows[0]]
      if (row === undefined) continue
      const isEarlier = best === undefined || row.occurredAt < best.occurredAt === (order === 'oldest')
      if (best === undefined || (row.occurredAt !== best.occurredAt && isEarlier)) first = queue
    }
    const row = first?.rows.shift()
    if (first === null || row === undefined) break
    // Last: a row that names another trail does not speak for it.
    merged.push({ ...row, trail: first.trail })
  }
  return merged
}

/** Reads the answer of another process's audit route; `null` when it is none. */
export function parseAuditPage(value: unknown): AuditPage | null {
  if (typeof value !== 'object' || value === null || !('events' in value) || !('next' in value)) return null
  const { events, next } = value
  if (!Array.isArray(events) || !events.every(isSealedRecord)) return null
  return next === null || Number.isSafeInteger(next) ? { events, next: next === null ? null : Number(next) } : null
}

/** Whether a value has what rows are merged by; the rest is shown as it came. */
export function isSealedRecord(value: unknown): value is SealedRecord {
  if (typeof value !== 'object' || value === null) return false
  const isPlaced = 'sequence' in value && Number.isSafeInteger(value.sequence)
  return isPlaced && 'occurredAt' in value && typeof value.occurredAt === 'string' && value.occurredAt.length < 64
}
