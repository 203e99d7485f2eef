import type { AuditRecord } from './record.ts'

/** Writes records; resolves when they are committed. */
export type WriteRecords = (records: readonly AuditRecord[]) => Promise<void>

interface Waiting {
  readonly records: readonly AuditRecord[]
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

const MAX_BATCH = 200

/**
 * Group commit: while one insert is under way the records of other requests gather, and go together in the next one.
 * When a batch fails its parts are tried alone, so that one bad record fails its own request only.
 * @param insert inserts records in one statement
 */
export function createBatchWriter (insert: WriteRecords): WriteRecords {
  const waiting: Waiting[] = []
  let running = false

  async function drain (): Promise<void> {
    running = true
    while (waiting.length > 0) await writeTogether(waiting.splice(0, MAX_BATCH))
    running = false
  }

  async function writeTogether (batch: readonly Waiting[]): Promise<void> {
    try {
      await insert(batch.flatMap(part => part.records))
      for (const part of batch) part.resolve()
    } catch (error) {
      if (batch.length === 1) for (const part of batch) part.reject(error)
      else await Promise.all(batch.map(part => insert(part.records).then(part.resolve, part.reject)))
    }
  }

  return records => new Promise<void>((resolve, reject) => {
    waiting.push({ records, resolve, reject })
    if (!running) void drain()
  })
}
