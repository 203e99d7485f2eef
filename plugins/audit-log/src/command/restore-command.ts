import type { Knex } from 'knex'
import { checkpointKeys } from '../checkpoint/checkpoint-options.ts'
import { resumeTrail } from '../restore/resume-trail.ts'
import { auditTrailOptions } from '../settings/trail-options.ts'
import { visibleJson } from '../visible-text.ts'
import { AuditUsageError, EXIT, type AuditTerminal } from './audit-terminal.ts'
import { reapplyErasures } from '../privacy/erase-person.ts'
import { COMMAND_VERSIONS } from './command-versions.ts'
import { reappliedText, requireErasures } from './erase-commands.ts'
import type { CommandEnvironment, TrailDatabase } from './open-trail.ts'
import type { CommandOptions } from './read-commands.ts'
import { COMMAND_PROCESS, commandOperator } from './record-reading.ts'
import { checkpointSettings } from './trail-environment.ts'
import { readTrailSecrets } from './trail-secrets.ts'

/** The list of erasures; `null` where it is said that nobody was erased since the backup. */
function keptErasuresFile({ erasures: file, 'no-erasures': none }: CommandOptions): string | null {
  if (none === true && file !== undefined) throw new AuditUsageError('--erasures and --no-erasures are two calls')
  if (none === true) return null
  if (typeof file !== 'string') {
    throw new AuditUsageError('--erasures is missing, or --no-erasures where nobody was erased since the backup')
  }
  requireErasures(file)
  return file
}

const RESTORE_STEP_MS = 60_000

/**
 * `resume-after-restore`: destroys again what was erased since the backup, and continues the trail of a restored
 * database, with a mark that needs the signing key. The erasures come first: they can be repeated, and a trail that is
 * continued already cannot be. Whether there are any has to be said, because nothing in the backup does.
 */
export async function resumeAfterRestore(
  openDb: (variable?: TrailDatabase) => Knex,
  options: CommandOptions,
  terminal: AuditTerminal,
  environment: CommandEnvironment
): Promise<number> {
  if (typeof options.because !== 'string') throw new AuditUsageError('--because is missing')
  const { checkpoints } = auditTrailOptions(checkpointSettings(environment), COMMAND_PROCESS)
  if (checkpoints === false) throw new AuditUsageError('SALLYPORT_AUDIT_CHECKPOINT_KEYS is missing')
  const { anchors = [] } = checkpoints
  if (anchors.length === 0) throw new AuditUsageError('SALLYPORT_AUDIT_ANCHOR_PATH or _URL is missing')
  const file = keptErasuresFile(options)
  const db = openDb()
  const erased =
    file === null
      ? null
      : await reapplyErasures(openDb('PRUNER_DATABASE_URL'), {
          file,
          keys: readTrailSecrets(environment).keys,
          process: COMMAND_PROCESS,
          versions: COMMAND_VERSIONS,
          timeoutMs: RESTORE_STEP_MS
        })
  const resumed = await resumeTrail({
    db,
    keys: checkpointKeys(checkpoints),
    anchors,
    process: COMMAND_PROCESS,
    versions: COMMAND_VERSIONS,
    detail: { operator: commandOperator(), reason: options.because },
    timeoutMs: RESTORE_STEP_MS
  })
  const { epoch, restored, lost } = resumed
  const said =
    (erased === null ? '' : reappliedText(erased)) +
    `epoch ${epoch}: the trail goes on after ${restored.sequence}; ${lost} rows that were signed are lost\n` +
    `${resumed.checkpoint}`
  await terminal.out(options.json === true ? `${visibleJson({ ...resumed, erased })}\n` : said)
  return EXIT.done
}
