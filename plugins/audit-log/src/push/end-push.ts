import type { Knex } from 'knex'
import { poolAsItIs } from '../connection.ts'
import type { HoldContext } from '../hold/holds.ts'
import { pruningRecord } from '../pruning-mark.ts'
import { CURRENT_VERSION } from '../record.ts'
import type { Rows } from '../seal-pending.ts'
import { insertRecords } from '../store.ts'

/** Action of the row that says that rows need not be pushed any more. */
export const PUSH_END_ACTION = 'audit.push-end'

/**
 * Ends the push of a trail, with the row that says so: from now on rows are pruned although no receiver has them. A
 * process that is still told to push takes it up again, where it was.
 * @param given pool of the app role
 * @returns the last sequence that was pushed; `null` where no push is under way
 */
export async function endPush(
  given: Knex,
  { process, detail, timeoutMs, versions }: HoldContext
): Promise<number | null> {
  const db = poolAsItIs(given)
  return await db.transaction(async trx => {
    const { rows } = await trx.raw<Rows<{ through: string }>>(`
      update audit_pushes set ended_at = now(), holder = null, held_until = null
      where ended_at is null returning through_sequence as through`)
    if (rows[0] === undefined) return null
    const through = Number(rows[0].through)
    const facts = { ...detail, throughSequence: through }
    const record = pruningRecord(CURRENT_VERSION, process, PUSH_END_ACTION, facts, versions)
    await insertRecords(trx, [record], timeoutMs)
    return through
  })
}
