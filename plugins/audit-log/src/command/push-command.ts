import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import { endPush } from '../push/end-push.ts'
import { createPushCursor } from '../push/push-cursor.ts'
import { visibleJson } from '../visible-text.ts'
import { AuditUsageError, EXIT, type AuditTerminal } from './audit-terminal.ts'
import { COMMAND_VERSIONS } from './command-versions.ts'
import type { CommandOptions } from './read-commands.ts'
import { COMMAND_PROCESS, commandOperator } from './record-reading.ts'

const STATEMENT_TIMEOUT_MS = 60_000

/** `push`: shows how far the trail was pushed, or ends the push, so that pruning does not wait for it. */
export async function showPush(db: Knex, options: CommandOptions, terminal: AuditTerminal): Promise<number> {
  const { end, because } = options
  if (end !== true && because !== undefined) throw new AuditUsageError('--because is for --end')
  if (end === true) {
    const detail = { operator: commandOperator(), ...(typeof because === 'string' && { reason: because }) }
    await endPush(db, {
      ...{ process: COMMAND_PROCESS, versions: COMMAND_VERSIONS },
      ...{ detail, timeoutMs: STATEMENT_TIMEOUT_MS }
    })
  }
  const timeoutMs = STATEMENT_TIMEOUT_MS
  const place = await createPushCursor({ db, holder: randomUUID(), heldMs: 0, timeoutMs }).look()
  const said =
    place === null
      ? 'the trail was never pushed'
      : `pushed through ${place.through}, ${place.waiting} rows wait${place.hasEnded ? '; ended' : ''}`
  await terminal.out(options.json === true ? `${visibleJson(place)}\n` : `${said}\n`)
  return EXIT.done
}
