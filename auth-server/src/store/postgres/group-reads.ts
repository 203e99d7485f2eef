import { beginWait, endWait, followedRequest } from '@sallyport/security-context'
import { errorCode } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'

/** Reads what belongs to these keys by one statement; the answer finds what belongs to each. */
export type ReadTogether<Key, Found> = (keys: readonly Key[]) => Promise<(key: Key) => Found>

/** Statements of one kind at a time: while the database answers one, the keys of the next collect. */
const MAX_READS_UNDER_WAY = 2
/** A second statement costs as much as several keys in the next one. */
const KEYS_WORTH_A_SECOND = 8
const MAX_KEYS_TOGETHER = 200
/** A statement without an answer for so long holds up no other, in ms. */
const PATIENCE_MS = 500

interface WaitingRead<Key, Found> {
  readonly key: Key
  readonly resolve: (found: Found) => void
  readonly reject: (error: unknown) => void
}

/**
 * Reads of concurrent requests that go together: one statement instead of one for each. It begins after each of them
 * was asked for, so nobody gets an answer that is older than the question. In a transaction each goes by itself.
 * When the statement fails, all of them do; but a key that the database cannot take, such as a text with NUL, fails by
 * itself.
 * @param db a pool, or a transaction of one
 */
export function groupReads<Key, Found>(db: Knex, read: ReadTogether<Key, Found>): (key: Key) => Promise<Found> {
  if (db.isTransaction === true) return async key => (await read([key]))(key)
  const waiting: WaitingRead<Key, Found>[] = []
  let underWay = 0
  let isDue = false

  async function readWaiting(): Promise<void> {
    const reads = waiting.splice(0, MAX_KEYS_TOGETHER)
    let isCounted = true
    const stopCounting = (): void => {
      if (!isCounted) return
      isCounted = false
      underWay--
      readSoon()
    }
    underWay++
    const patience = setTimeout(stopCounting, PATIENCE_MS).unref()
    try {
      const found = await read(reads.map(({ key }) => key))
      for (const { key, resolve } of reads) resolve(found(key))
    } catch (error) {
      if (reads.length > 1 && isRefusedKey(error)) await readApart(reads)
      else for (const { reject } of reads) reject(error)
    }
    clearTimeout(patience)
    stopCounting()
  }

  async function readApart(reads: ReadonlyArray<WaitingRead<Key, Found>>): Promise<void> {
    for (const { key, resolve, reject } of reads) {
      await read([key]).then(found => {
        resolve(found(key))
      }, reject)
    }
  }

  const isWanted = (): boolean =>
    waiting.length > 0 && (underWay === 0 || (underWay < MAX_READS_UNDER_WAY && waiting.length >= KEYS_WORTH_A_SECOND))

  /** A turn of the event loop later, so that requests which arrive together are read together. */
  function readSoon(): void {
    if (isDue || !isWanted()) return
    isDue = true
    setImmediate(() => {
      isDue = false
      while (isWanted()) void readWaiting()
    })
  }

  return async key => {
    const request = followedRequest()
    if (request !== null) beginWait(request, 'database')
    try {
      return await new Promise<Found>((resolve, reject) => {
        waiting.push({ key, resolve, reject })
        readSoon()
      })
    } finally {
      if (request !== null) endWait(request, 'database')
    }
  }
}

/** @see PostgreSQL, appendix A: class 22 */
function isRefusedKey(error: unknown): boolean {
  return errorCode(error)?.startsWith('22') === true
}
