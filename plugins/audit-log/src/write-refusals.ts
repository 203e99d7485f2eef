import { isRefusedData, withDeadline, type Clock, type Schedule } from '@sallyport/security-context/mechanics'
import type { RefusalCounts, RefusalTally } from './refusal-counts.ts'

/** Records in one write: few, so that the rows of a request never wait long. */
const MAX_TOGETHER = 100

/** Collaborators and settings of {@link createRefusalWriter}. */
export interface RefusalWriterOptions<Sample> {
  readonly counts: RefusalCounts<Sample>
  /** Writes tallies, all or none; a tally that is already written is not an error. */
  readonly write: (tallies: readonly RefusalTally<Sample>[]) => Promise<void>
  readonly intervalMs: number
  /** Limit of `close`, in ms. */
  readonly closeTimeoutMs: number
  readonly schedule: Schedule
  readonly clock: Clock
  /** Called when an outage begins, and when refusals are lost at the end of the process. */
  readonly onError: (error: unknown, unwritten: number) => void
}

/** Writes counted refusals after their answers. */
export interface RefusalWriter<Sample> {
  /** Counts a refusal; the first of its kind is written at once, by one write at a time. Never throws, never waits. */
  readonly count: (key: string, sample: () => Sample) => void
  readonly start: () => void
  /** Writes what is counted now. Resolves also when that fails: the counts are kept and tried again. */
  readonly flush: () => Promise<void>
  /** Stops and writes everything, within `closeTimeoutMs`. */
  readonly close: () => Promise<void>
}

/** Makes the writer; nothing is written on schedule before `start`. */
export function createRefusalWriter<Sample>(options: RefusalWriterOptions<Sample>): RefusalWriter<Sample> {
  const { counts, write, intervalMs, closeTimeoutMs, schedule, clock, onError } = options
  const due: RefusalTally<Sample>[] = []
  let writing: Promise<void> | null = null
  let isAway = false
  let timer: { stop: () => void } | null = null

  function send(tallies: readonly RefusalTally<Sample>[]): Promise<void> {
    due.push(...tallies)
    if (due.length > 0) writing ??= writeDue()
    return writing ?? Promise.resolve()
  }

  async function writeDue(): Promise<void> {
    while (due.length > 0) {
      const together = due.splice(0, MAX_TOGETHER)
      try {
        await write(together)
        isAway = false
        together.forEach(counts.written)
      } catch (error) {
        // One that the database refuses must not keep back the others for ever.
        if (isRefusedData(error) && together.length > 1) {
          await writeApart(together)
          continue
        }
        // After a timeout the rest waits for the next interval, instead of one deadline after the other.
        for (const tally of [...together, ...due.splice(0)]) counts.failed(tally)
        if (!isAway) onError(error, counts.unwritten())
        isAway = true
      }
    }
    writing = null
  }

  async function writeApart(together: readonly RefusalTally<Sample>[]): Promise<void> {
    for (const tally of together) {
      await write([tally]).then(
        () => {
          counts.written(tally)
        },
        (error: unknown) => {
          counts.failed(tally)
          onError(error, counts.unwritten())
        }
      )
    }
  }

  async function flush(): Promise<void> {
    // First what is under way: until then its kind hands out nothing.
    await writing
    await send(counts.collect())
  }

  /** A kind may have a failed tally and a count behind it: two rounds; ends where a round writes nothing. */
  async function flushAll(): Promise<void> {
    let before = Infinity
    while (counts.unwritten() > 0 && counts.unwritten() < before) {
      before = counts.unwritten()
      await flush()
    }
  }

  return {
    count: (key, sample) => {
      const first = counts.count(key, sample, clock())
      if (first !== null) void send([first])
    },
    start: () => {
      timer = schedule(flush, intervalMs)
    },
    flush,
    close: async () => {
      timer?.stop()
      const failure = await withDeadline(flushAll(), closeTimeoutMs).then(
        () => null,
        (error: unknown) => error
      )
      if (counts.unwritten() > 0) onError(failure ?? new Error('the process ends'), counts.unwritten())
    }
  }
}
