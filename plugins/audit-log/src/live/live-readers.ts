import { Readable } from 'node:stream'
import {
  scheduleByTimer,
  withRetryAfter,
  type MonotonicClock,
  type Schedule
} from '@sallyport/security-context/mechanics'
import { AuditStreamsFullError } from '../errors.ts'

/** Collaborators of {@link createLiveReaders}. */
export interface LiveReadersOptions {
  /** How many may follow at a time. */
  readonly most: number
  readonly monotonicClock?: MonotonicClock
  readonly schedule?: Schedule
}

/** Who follows a trail at this process. */
export interface LiveReaders {
  /** @throws {AuditStreamsFullError} `SALLYPORT_AUDIT_STREAMS_FULL`, with `Retry-After`, when all places are taken */
  readonly requirePlace: () => void
  /**
   * A stream of these texts, which takes a place until it is closed. `leaving` ends it, whether or not its reader takes
   * anything, and is aborted with it. Throws as `requirePlace` does.
   */
  readonly open: (texts: AsyncIterable<string>, leaving: AbortController) => Readable
  /** Ends all streams. */
  readonly endAll: () => void
  /** Stops looking for readers that take nothing. */
  readonly stop: () => void
}

interface LiveReader {
  readonly events: Readable
  /** When the text was ready that nobody has taken yet; `null` while nothing is. */
  readonly held: { sinceMs: number | null }
  readonly leaving: AbortController
}

/** How long a reader may take nothing of what waits for it, in ms: it comes back where it was. */
export const LONGEST_HOLD_MS = 30_000
const LOOK_INTERVAL_MS = 15_000

/** Keeps the places of those who follow a trail, and takes them from readers that take nothing. */
export function createLiveReaders(options: LiveReadersOptions): LiveReaders {
  const { most, monotonicClock: now = () => performance.now(), schedule = scheduleByTimer } = options
  const readers = new Set<LiveReader>()
  const looking = schedule(async () => {
    for (const { events, held } of readers) {
      if (held.sinceMs !== null && now() - held.sinceMs >= LONGEST_HOLD_MS) events.destroy()
    }
  }, LOOK_INTERVAL_MS)

  function requirePlace(): void {
    if (readers.size >= most) throw withRetryAfter(new AuditStreamsFullError())
  }

  return {
    requirePlace,
    open: (texts, leaving) => {
      // Others may have come since the caller asked.
      requirePlace()
      const held: LiveReader['held'] = { sinceMs: null }
      const events = Readable.from(heldTexts(texts, held, now))
      const reader = { events, held, leaving }
      readers.add(reader)
      events.once('close', () => {
        readers.delete(reader)
        leaving.abort()
      })
      // Whoever takes nothing would never come to the end.
      leaving.signal.addEventListener('abort', () => {
        if (held.sinceMs !== null) events.destroy()
      })
      return events
    },
    endAll: () => {
      for (const { leaving } of readers) leaving.abort()
    },
    stop: looking.stop
  }
}

async function* heldTexts(
  texts: AsyncIterable<string>,
  held: LiveReader['held'],
  now: MonotonicClock
): AsyncGenerator<string> {
  for await (const text of texts) {
    held.sinceMs = now()
    yield text
    held.sinceMs = null
  }
}
