import type { Measurement } from '@sallyport/security-context'
import { countUnsealed, type UnsealedRows } from './count-unsealed.ts'
import type { AuditHealth } from './health.ts'
import type { ReadAuditLogOptions } from './options.ts'
import { pruningMeasurements } from './pruning/measure-pruning.ts'
import { pushMeasurements } from './push/measure-push.ts'

/** A count of the database is good for this long, in ms: two scrapers, and two metrics of one scrape, share it. */
const COUNT_MAX_AGE_MS = 5000

/** What operators watch of the trail. Only the rows without a seal cost a query, when somebody asks for metrics. */
export function auditMeasurements(
  options: ReadAuditLogOptions,
  { counts, outage, checkpoints, push, pruning }: AuditHealth
): Measurement[] {
  const { db } = options
  return [
    {
      name: 'sallyport_audit_rows_waiting',
      help: 'Audit rows that wait for the insert under way',
      kind: 'gauge',
      read: () => counts().waiting
    },
    {
      name: 'sallyport_audit_rows_refused_total',
      help: 'Audit rows that were refused because too many waited; their requests were answered with 503',
      kind: 'counter',
      read: () => counts().refused
    },
    {
      name: 'sallyport_audit_writes_given_up_total',
      help: 'Inserts of audit rows that had no answer in time',
      kind: 'counter',
      read: () => counts().givenUp
    },
    {
      name: 'sallyport_audit_sealer_silent_seconds',
      help: 'How long the sealer of this process has not succeeded; no series where none runs',
      kind: 'gauge',
      amongWorkers: 'max',
      read: () => {
        const { unsealedForMs } = counts()
        return unsealedForMs === null ? null : unsealedForMs / 1000
      }
    },
    ...(options.outage.folder === undefined ? [] : outageMeasurements(outage)),
    ...(options.checkpoints === false ? [] : checkpointMeasurements(checkpoints)),
    ...(options.pruning === false ? [] : pruningMeasurements(pruning)),
    ...(options.push === false ? [] : pushMeasurements(push)),
    ...(db === undefined ? [] : unsealedMeasurements(shareCounts(options, db)))
  ]
}

function checkpointMeasurements(state: AuditHealth['checkpoints']): Measurement[] {
  const inSeconds = (ms: number | undefined): number | null => (ms === undefined ? null : ms / 1000)
  return [
    {
      name: 'sallyport_audit_checkpoint_silent_seconds',
      help: 'How long no run of the checkpoints has succeeded',
      kind: 'gauge',
      amongWorkers: 'max',
      read: () => inSeconds(state()?.silentForMs)
    },
    {
      name: 'sallyport_audit_verification_problems',
      help: 'Whether the last pass over the audit trail found something wrong: 1 or 0',
      kind: 'gauge',
      amongWorkers: 'max',
      read: () => {
        const verifier = state()?.verifier ?? null
        return verifier === null ? null : Number(verifier.problem !== null)
      }
    },
    {
      name: 'sallyport_audit_verified_age_seconds',
      help: 'How long ago a pass over the whole audit trail found nothing wrong',
      kind: 'gauge',
      amongWorkers: 'min',
      read: () => inSeconds(state()?.verifier?.rightForMs)
    },
    {
      name: 'sallyport_audit_anchors_away',
      help: 'Anchors that do not answer: the audit trail is not compared with what they have',
      kind: 'gauge',
      amongWorkers: 'max',
      read: () => state()?.verifier?.anchorsAway.length ?? null
    }
  ]
}

function outageMeasurements(outage: AuditHealth['outage']): Measurement[] {
  return [
    {
      name: 'sallyport_audit_rows_kept',
      help: 'Audit rows that are kept on disk and not in the trail yet',
      kind: 'gauge',
      read: () => outage().spillWaiting
    },
    {
      name: 'sallyport_audit_rows_dropped_total',
      help: 'Audit rows that were left out while the trail was away, as declared',
      kind: 'counter',
      read: () => outage().dropped
    },
    {
      name: 'sallyport_audit_rows_lost_total',
      help: 'Audit rows that were kept on disk and are gone: their file was cut, changed or removed',
      kind: 'counter',
      read: () => outage().lost
    }
  ]
}

function unsealedMeasurements(count: () => Promise<UnsealedRows>): Measurement[] {
  return [
    {
      name: 'sallyport_audit_unsealed_rows',
      help: 'Committed audit rows without a seal, counted up to 10000',
      kind: 'gauge',
      amongWorkers: 'max',
      read: async () => (await count()).rows
    },
    {
      name: 'sallyport_audit_lag_seconds',
      help: 'Age of the oldest committed audit row without a seal',
      kind: 'gauge',
      amongWorkers: 'max',
      read: async () => (await count()).oldestForMs / 1000
    }
  ]
}

/** One count at a time, and none while the last one is fresh; a failure is not kept. */
function shareCounts(
  { clock, monotonicClock, writeTimeoutMs }: ReadAuditLogOptions,
  db: NonNullable<ReadAuditLogOptions['db']>
): () => Promise<UnsealedRows> {
  let shared: Promise<UnsealedRows> | null = null
  let freshUntilMs = Number.POSITIVE_INFINITY
  return async () => {
    if (shared === null || monotonicClock() >= freshUntilMs) {
      freshUntilMs = Number.POSITIVE_INFINITY
      const count = countUnsealed(db, writeTimeoutMs, clock)
      shared = count
      count.then(
        () => {
          freshUntilMs = monotonicClock() + COUNT_MAX_AGE_MS
        },
        () => {
          shared = null
        }
      )
    }
    return await shared
  }
}
