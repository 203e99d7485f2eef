import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { SPILL_START } from '../outage/spill-file.ts'
import type { AuditTrailSettings } from './trail-settings.ts'

type OfWorker = Pick<AuditTrailSettings, 'auditSpillPath' | 'auditVerifierIntervalMs' | 'auditVerifierReadiness'>

/**
 * What is different for one of several workers of a process that share a trail: a folder of its own for kept rows, and
 * the verification in the first one alone. Checkpoints and sealing are made by whichever has the lock of the database.
 */
export function trailOfWorker(
  settings: OfWorker,
  { slot, of }: { readonly slot: number; readonly of: number }
): OfWorker {
  const { auditSpillPath: folder, auditVerifierIntervalMs, auditVerifierReadiness } = settings
  const verifies = slot === 1
  return {
    ...(folder !== undefined && { auditSpillPath: of === 1 ? folder : join(folder, `worker-${slot}`) }),
    auditVerifierIntervalMs: verifies ? auditVerifierIntervalMs : 0,
    auditVerifierReadiness: verifies && auditVerifierReadiness
  }
}

/**
 * Folders with rows of a worker that there is none of any more, as mistakes: nobody would bring those rows into the
 * trail.
 */
export function leftWorkerFolders({
  auditSpillPath: folder,
  workers
}: Pick<AuditTrailSettings, 'auditSpillPath'> & { readonly workers: number }): string[] {
  // A worker has the folder of itself.
  if (folder === undefined || /\/worker-\d+$/.test(folder) || !existsSync(folder)) return []
  const ofWorkers = readdirSync(folder).flatMap(name => {
    const [, slot] = /^worker-(\d{1,3})$/.exec(name) ?? []
    return slot === undefined ? [] : [Number(slot)]
  })
  const unwatched = ofWorkers
    .filter(slot => workers === 1 || slot > workers)
    .filter(slot => holdsRows(join(folder, `worker-${slot}`)))
  return [
    ...unwatched.map(
      slot =>
        `auditSpillPath: ${folder}/worker-${slot} has rows for the trail: start once with ${Math.max(2, slot)} workers`
    ),
    ...(workers > 1 && holdsRows(folder)
      ? [`auditSpillPath: ${folder} has rows for the trail: start once without workers`]
      : [])
  ]
}

function holdsRows(folder: string): boolean {
  const path = join(folder, 'rows.spill')
  return existsSync(path) && statSync(path).size > SPILL_START.offset
}
