import type { FastifyBaseLogger } from 'fastify'
import type { WriteRecords } from '../batch-writer.ts'
import type { ReadAuditLogOptions } from '../options.ts'
import { gapRecord } from './gap-record.ts'
import { openSpill, type Spill } from './spill.ts'
import { createTrailWriter, type OutageChange, type TrailWriter } from './trail-writer.ts'

/**
 * Composes the writer of rows outside transactions with what it keeps during an outage.
 * @param write to the database, together with what others write
 * @throws {AuditSpillError} `SALLYPORT_AUDIT_SPILL_LOCKED`
 * @throws {AuditSpillHeldError} `SALLYPORT_AUDIT_SPILL_HELD`
 */
export async function openTrailWriter(
  options: ReadAuditLogOptions,
  write: WriteRecords,
  log: FastifyBaseLogger
): Promise<TrailWriter> {
  const { outage, store, schedule, writeTimeoutMs } = options
  return createTrailWriter({
    modes: outage,
    spill: await spillOf(options, log),
    write,
    writeAgain: store.insertAgain ?? store.insert,
    gapRow: gap => gapRecord(gap, options),
    timeoutMs: writeTimeoutMs,
    intervalMs: outage.intervalMs,
    schedule,
    onChange: change => {
      logOutage(log, change)
    }
  })
}

async function spillOf({ outage, clock }: ReadAuditLogOptions, log: FastifyBaseLogger): Promise<Spill | null> {
  const { folder, keys = [], maxBytes } = outage
  if (folder === undefined) return null
  return await openSpill({
    folder,
    keys: keys.map(({ id, key }) => ({ id, key: Buffer.from(key) })),
    maxBytes,
    clock,
    onDamage: lost => {
      log.error({ lost }, 'audit rows that were kept on disk are lost: the file was removed, cut or changed')
    }
  })
}

function logOutage(log: FastifyBaseLogger, change: OutageChange): void {
  if (change.state === 'away') {
    log.error({ err: change.cause }, 'the audit trail is away: rows are kept on disk or left out, as declared')
    return
  }
  const { replayed, gaps } = change
  log.info({ replayed, gaps }, 'the audit trail is written again')
}
