import { readFileSync } from 'node:fs'
import type { AuditTrailSettings } from '../settings/trail-settings.ts'
import { AuditUsageError } from './audit-terminal.ts'
import type { CommandEnvironment } from './open-trail.ts'

/** What a command reads of the settings of the process whose trail it works on, by the same variables. */
export function checkpointSettings(environment: CommandEnvironment): AuditTrailSettings {
  const read = (name: string): string | undefined => readCommandVariable(environment, `SALLYPORT_AUDIT_${name}`)
  const given = {
    auditCheckpointKeys: read('CHECKPOINT_KEYS'),
    auditCheckpointOrigin: read('CHECKPOINT_ORIGIN'),
    auditAnchorPath: read('ANCHOR_PATH'),
    auditAnchorUrl: read('ANCHOR_URL'),
    auditAnchorToken: read('ANCHOR_TOKEN'),
    auditAnchorCaPath: read('ANCHOR_CA_PATH')
  }
  return {
    auditOutageChanges: 'refuse',
    auditOutageRefusals: 'refuse',
    auditOutageReads: 'refuse',
    auditSpillMaxBytes: 0,
    auditFormerCheckpointKeys: (read('FORMER_CHECKPOINT_KEYS') ?? '').split(' ').filter(text => text !== ''),
    auditDayKeysKeptDays: 0,
    auditCheckpointIntervalMs: 0,
    auditVerifierIntervalMs: 0,
    auditVerifierRows: 0,
    auditVerifierReadiness: false,
    auditPushIntervalMs: 0,
    auditPushBatchRows: 0,
    auditPushTimeoutMs: 0,
    auditPushReadiness: false,
    auditPruneIntervalMs: 0,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  }
}

/**
 * The trail's own issuer, `SALLYPORT_ISSUER` as the process has it: subjects without an issuer are of this one.
 * @throws {AuditUsageError} where an issuer is asked for and nobody can tell whether it is this one
 */
export function commandIssuer(
  { issuer }: Readonly<Record<string, string | boolean | undefined>>,
  environment: CommandEnvironment
): string | undefined {
  const own = readCommandVariable(environment, 'SALLYPORT_ISSUER')
  if (issuer !== undefined && own === undefined) {
    throw new AuditUsageError("SALLYPORT_ISSUER is missing: --issuer may be the trail's own")
  }
  return own
}

/** The value of a variable, or what is in the file that `<name>_FILE` names. */
export function readCommandVariable(environment: CommandEnvironment, name: string): string | undefined {
  const path = environment[`${name}_FILE`]
  if (environment[name] !== undefined || path === undefined) return environment[name]
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    throw new AuditUsageError(`the file of ${name}_FILE cannot be read`)
  }
}
