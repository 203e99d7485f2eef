import { readKeptClasses, type TrailPruning } from '../pruning/pruning-options.ts'
import { trailUrlMistake } from '../trail-pool.ts'
import type { AuditTrailSettings } from './trail-settings.ts'

/** What is wrong with how old rows are removed: one sentence per mistake, without secrets. */
export function pruningMistakes(settings: AuditTrailSettings): string[] {
  const { auditPrunerDatabaseUrl: url, auditKeepDays, auditKeepClasses: classes } = settings
  const mistake = url === undefined ? null : trailUrlMistake(url)
  return [
    ...(mistake === null ? [] : [`auditPrunerDatabaseUrl: ${mistake}`]),
    ...(url !== undefined && auditKeepDays === undefined
      ? ['auditKeepDays: missing, and nobody else says how long rows are kept']
      : []),
    ...(url === undefined && auditKeepDays !== undefined ? ['auditKeepDays: needs auditPrunerDatabaseUrl'] : []),
    ...(classes !== undefined && auditKeepDays === undefined ? ['auditKeepClasses: needs auditKeepDays'] : []),
    ...(classes !== undefined && readKeptClasses(classes) === null
      ? ['auditKeepClasses: is not <action>,<action>=<days>d;… with at least 30 days each']
      : [])
  ]
}

/** The option `pruning` of a process. */
export function pruningFrom(settings: AuditTrailSettings): TrailPruning | false {
  const { auditPrunerDatabaseUrl: databaseUrl, auditKeepDays: keepDays, auditKeepClasses: classes } = settings
  if (databaseUrl === undefined || keepDays === undefined) return false
  return {
    databaseUrl,
    keepDays,
    classes: classes === undefined ? [] : (readKeptClasses(classes) ?? []),
    intervalMs: settings.auditPruneIntervalMs
  }
}
