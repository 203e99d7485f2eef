import type { FastifyBaseLogger } from 'fastify'
import type { Knex } from 'knex'
import { poolAsItIs } from '../connection.ts'
import type { ReadAuditLogOptions } from '../options.ts'

/** Destroys the keys of days that are over; returns how many. The database lets the app role destroy no others. */
export async function expireDayKeys(given: Knex, timeoutMs: number): Promise<number> {
  const db = poolAsItIs(given)
  return await db('audit_person_keys').where('expires_at', '<', db.fn.now()).delete().timeout(timeoutMs)
}

/** Destroys keys of days now and then. */
export interface DayKeyExpiry {
  readonly start: () => void
  readonly close: () => void
}

const EXPIRY_INTERVAL_MS = 3_600_000

/** Makes the task, for the process that seals; `null` for the others. */
export function createDayKeyExpiry(
  { db, sealer, schedule, writeTimeoutMs }: ReadAuditLogOptions,
  log: FastifyBaseLogger
): DayKeyExpiry | null {
  if (db === undefined || sealer === false) return null
  let timer: { stop: () => void } | null = null

  async function expire(): Promise<void> {
    try {
      const keys = await expireDayKeys(db as Knex, writeTimeoutMs)
      if (keys > 0) log.info({ keys }, 'keys of audit rows without a subject are destroyed: their time is over')
    } catch (error) {
      log.error({ err: error }, 'keys of audit rows could not be destroyed')
    }
  }

  return {
    start: () => {
      timer = schedule(expire, EXPIRY_INTERVAL_MS)
    },
    close: () => {
      timer?.stop()
    }
  }
}
