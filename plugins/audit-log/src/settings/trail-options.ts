import { readFileSync } from 'node:fs'
import { readKeyRing } from '@sallyport/security-context/mechanics'
import { fileAnchor, httpsAnchor, type CheckpointAnchor } from '../checkpoint/anchors.ts'
import type { TrailCheckpoints } from '../checkpoint/checkpoint-options.ts'
import { parseVerifier } from '../checkpoint/signed-note.ts'
import { AuditOptionsError } from '../errors.ts'
import type { FailureMode } from '../event-class.ts'
import type { AuditLogOptions } from '../options.ts'
import type { OutageModes } from '../outage/outage-options.ts'
import { parseJoinKeys } from '../privacy/join-hash.ts'
import type { TrailPrivacy } from '../privacy/privacy-options.ts'
import { pruningFrom, pruningMistakes } from './pruning-settings.ts'
import { pushFrom, pushMistakes } from './push-settings.ts'
import type { AuditTrailSettings, ProcessTrailSettings } from './trail-settings.ts'

type TrailOptionName = 'outage' | 'checkpoints' | 'privacy' | 'push' | 'pruning'

/** The options that follow from the settings of a process. */
export type TrailOptions = Required<Pick<AuditLogOptions, TrailOptionName>> & Pick<AuditLogOptions, 'ownIssuer'>

/**
 * The options `outage`, `checkpoints`, `privacy`, `push`, `pruning` and `ownIssuer` of a process, to be spread into
 * those of the plugin.
 * @param process names the trail where the settings do not
 * @throws {AuditOptionsError} `SALLYPORT_AUDIT_OPTIONS_INVALID`, naming every mistake
 */
export function auditTrailOptions(settings: ProcessTrailSettings, process: string): TrailOptions {
  const mistakes = auditTrailMistakes(settings)
  if (mistakes.length > 0) throw new AuditOptionsError(mistakes.join('; '))
  return {
    outage: outageFrom(settings),
    checkpoints: checkpointsFrom(settings, process),
    privacy: privacyFrom(settings),
    push: pushFrom(settings, process),
    pruning: pruningFrom(settings),
    ...(settings.issuer !== undefined && { ownIssuer: settings.issuer })
  }
}

/** What each of the settings alone does not show: one sentence per mistake, without secrets. */
export function auditTrailMistakes(settings: ProcessTrailSettings): string[] {
  const { auditSpillPath, auditSpillKeys, auditCheckpointKeys, auditPersonKeys, auditNameKey } = settings
  const setsAside = [settings.auditOutageChanges, settings.auditOutageRefusals, settings.auditOutageReads].some(
    mode => mode !== 'refuse'
  )
  const needsKeys = (['auditAnchorPath', 'auditAnchorUrl'] as const).filter(name => settings[name] !== undefined)
  const unreadable = settings.auditFormerCheckpointKeys.filter(text => parseVerifier(text) === null)
  return [
    ...(setsAside && auditSpillPath === undefined ? ['auditSpillPath: spill and drop need a folder'] : []),
    ...(auditSpillPath !== undefined && auditSpillKeys === undefined ? ['auditSpillKeys: what is kept is sealed'] : []),
    ...trailRingMistakes('auditSpillKeys', auditSpillKeys),
    ...trailRingMistakes('auditCheckpointKeys', auditCheckpointKeys),
    ...trailRingMistakes('auditPersonKeys', auditPersonKeys),
    ...(settings.nodeEnv === 'production' && auditPersonKeys === undefined
      ? ['auditPersonKeys: missing, and in production personal values are not left to whoever reads the database']
      : []),
    ...(auditNameKey !== undefined && parseJoinKeys(auditNameKey) === null
      ? ['auditNameKey: not id:base64url with 32 bytes']
      : []),
    ...(auditCheckpointKeys === undefined ? needsKeys.map(name => `${name}: needs auditCheckpointKeys`) : []),
    ...(['auditAnchorToken', 'auditAnchorCaPath'] as const).flatMap(name =>
      settings[name] !== undefined && settings.auditAnchorUrl === undefined ? [`${name}: needs auditAnchorUrl`] : []
    ),
    ...(settings.auditVerifierReadiness && settings.auditVerifierIntervalMs === 0
      ? ['auditVerifierReadiness: nothing is verified with auditVerifierIntervalMs 0']
      : []),
    ...(unreadable.length > 0 ? [`auditFormerCheckpointKeys: ${unreadable.length} are no text of a verifier`] : []),
    ...pushMistakes(settings),
    ...pruningMistakes(settings)
  ]
}

function trailRingMistakes(name: string, text: string | undefined): string[] {
  return text === undefined ? [] : readKeyRing(text, 'key').mistakes.map(mistake => `${name}: ${mistake}`)
}

function outageFrom(settings: AuditTrailSettings): OutageModes {
  const { auditSpillPath: folder, auditSpillKeys = '', auditSpillMaxBytes: maxBytes } = settings
  if (folder === undefined) return {}
  return {
    changes: failureModeNamed(settings.auditOutageChanges),
    refusals: failureModeNamed(settings.auditOutageRefusals),
    reads: failureModeNamed(settings.auditOutageReads),
    folder,
    keys: readKeyRing(auditSpillKeys, 'key').keys,
    maxBytes
  }
}

/** The schema lets nothing else through. */
function failureModeNamed(name: string): FailureMode {
  return name === 'spill' || name === 'drop' ? name : 'refuse'
}

function checkpointsFrom(settings: AuditTrailSettings, process: string): TrailCheckpoints | false {
  const { auditCheckpointKeys, auditCheckpointOrigin: origin = process, auditVerifierPlacePath: placeFile } = settings
  if (auditCheckpointKeys === undefined) return false
  return {
    origin,
    keys: readKeyRing(auditCheckpointKeys, 'key').keys.map(({ key }) => key),
    formerKeys: settings.auditFormerCheckpointKeys,
    anchors: anchorsFrom(settings),
    intervalMs: settings.auditCheckpointIntervalMs,
    verifier: settings.auditVerifierIntervalMs !== 0 && {
      intervalMs: settings.auditVerifierIntervalMs,
      rows: settings.auditVerifierRows,
      readiness: settings.auditVerifierReadiness,
      ...(placeFile !== undefined && { placeFile })
    }
  }
}

function privacyFrom(settings: AuditTrailSettings): TrailPrivacy {
  const { auditPersonKeys, auditNameKey, auditDayKeysKeptDays } = settings
  return {
    keys: auditPersonKeys === undefined ? [] : readKeyRing(auditPersonKeys, 'key').keys,
    joinKeys: (auditNameKey === undefined ? null : parseJoinKeys(auditNameKey)) ?? [],
    dayKeysKeptMs: auditDayKeysKeptDays * KEPT_DAY_MS
  }
}

const KEPT_DAY_MS = 86_400_000

function anchorsFrom(settings: AuditTrailSettings): CheckpointAnchor[] {
  const { auditAnchorPath: path, auditAnchorUrl: url, auditAnchorToken: token, auditAnchorCaPath: caPath } = settings
  const more = {
    ...(token !== undefined && { headers: { authorization: `Bearer ${token}` } }),
    ...(caPath !== undefined && { ca: anchorAuthorities(caPath) })
  }
  return [...(path === undefined ? [] : [fileAnchor(path)]), ...(url === undefined ? [] : [httpsAnchor(url, more)])]
}

function anchorAuthorities(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw Object.assign(new AuditOptionsError(`auditAnchorCaPath: ${path} cannot be read`), { cause })
  }
}
