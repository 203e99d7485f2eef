import { userInfo } from 'node:os'
import type { Knex } from 'knex'
import { buildRecord } from '../build-record.ts'
import { createHashName } from '../hash-name.ts'
import { insertTogether } from '../insert-together.ts'

/** Process of the rows that commands write. */
export const COMMAND_PROCESS = 'audit-command'

/**
 * Records that somebody reads the trail, before anything of it is shown: who is logged in on this machine, and what is
 * asked for. Rejects when that cannot be written; then nothing is read.
 * @param asked the options of the command
 */
export async function recordReading(
  db: Knex,
  command: string,
  asked: Readonly<Record<string, unknown>>,
  timeoutMs = 5000
): Promise<void> {
  const record = buildRecord(
    { action: 'audit.read', outcome: 'success', detail: { command, operator: userInfo().username, asked } },
    {
      process: COMMAND_PROCESS,
      now: new Date(),
      secretNames: new Set(),
      principal: null,
      hashName: createHashName()
    }
  )
  await insertTogether(db, [record], timeoutMs)
}
