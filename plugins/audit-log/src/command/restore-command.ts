import { userInfo } from 'node:os'
import type { Knex } from 'knex'
import { checkpointKeys } from '../checkpoint/checkpoint-options.ts'
import { resumeTrail } from '../restore/resume-trail.ts'
import { auditTrailOptions } from '../settings/trail-options.ts'
import { visibleJson } from '../visible-text.ts'
import { AuditUsageError, EXIT, type AuditTerminal } from './audit-terminal.ts'
import type { CommandEnvironment } from './open-trail.ts'
import type { CommandOptions } from './read-commands.ts'
import { COMMAND_PROCESS } from './record-reading.ts'
import { checkpointSettings } from './trail-environment.ts'

const RESTORE_STEP_MS = 60_000

/** `resume-after-restore`: continues the trail of a restored database, with a mark that needs the signing key. */
export async function resumeAfterRestore(
  db: Knex,
  options: CommandOptions,
  terminal: AuditTerminal,
  environment: CommandEnvironment
): Promise<number> {
  if (typeof options.because !== 'string') throw new AuditUsageError('--because is missing')
  const { checkpoints } = auditTrailOptions(checkpointSettings(environment), COMMAND_PROCESS)
  if (checkpoints === false) throw new AuditUsageError('SALLYPORT_AUDIT_CHECKPOINT_KEYS is missing')
  const { anchors = [] } = checkpoints
  if (anchors.length === 0) throw new AuditUsageError('SALLYPORT_AUDIT_ANCHOR_PATH or _URL is missing')
  const resumed = await resumeTrail({
    db,
    keys: checkpointKeys(checkpoints),
    anchors,
    process: COMMAND_PROCESS,
    detail: { operator: userInfo().username, reason: options.because },
    timeoutMs: RESTORE_STEP_MS
  })
  const { epoch, restored, lost } = resumed
  const said =
    `epoch ${epoch}: the trail goes on after ${restored.sequence}; ${lost} rows that were signed are lost\n` +
    `${resumed.checkpoint}`
  await terminal.out(options.json === true ? `${visibleJson(resumed)}\n` : said)
  return EXIT.done
}
