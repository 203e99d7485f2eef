// A trail with every kind of record that there is, of every version, under three checkpoints.
import { randomUUID } from 'node:crypto'
import { pruneAudit, sealNow, type AuditRecord, type CheckpointAnchor } from '@sallyport/audit-log'
import type { Knex } from 'knex'
import { makeCheckpoint, type CheckpointKeys } from '../../../plugins/audit-log/src/checkpoint/make-checkpoint.ts'
import { ADOPT_ACTION, adoptDetail, pruningRecord } from '../../../plugins/audit-log/src/pruning-mark.ts'
import { CURRENT_VERSION, RECORD_FIELDS } from '../../../plugins/audit-log/src/record.ts'
import { insertRecords } from '../../../plugins/audit-log/src/store.ts'

/** What the trail is made with. */
export interface MutationTrail {
  /** Of a superuser, who can do everything that an owner can. */
  readonly db: Knex
  readonly keys: CheckpointKeys
  /** Outside the database. */
  readonly anchor: NotesAnchor
}

/** An anchor whose notes can be looked at and changed. */
export interface NotesAnchor extends CheckpointAnchor {
  /** Oldest first. */
  readonly notes: string[]
}

/** An anchor in memory. */
export function notesAnchor(): NotesAnchor {
  const notes: string[] = []
  return {
    name: 'memory',
    notes,
    latest: async () => notes.at(-1) ?? null,
    add: async note => {
      notes.push(note)
    }
  }
}

const LIMIT_MS = 60_000
/** What is pruned; everything else is younger. */
const OLD = '2026-01-01T00:00:00.000001Z'
const YOUNG = '2026-03-01T00:00:00.000001Z'

/** Writes the trail into empty tables. */
export async function writeEveryKindOfRow({ db, keys, anchor }: MutationTrail): Promise<void> {
  for (const table of ['audit_events', 'audit_seals', 'audit_prunings', 'audit_checkpoints']) {
    await dropChecks(db, table)
  }
  await seal(db, [sparse(1, OLD), sparse(1, OLD), sparse(1, OLD)])
  await pruneAsBefore(db, 3)
  await seal(db, [full(1, OLD), sparse(2, OLD), full(CURRENT_VERSION, OLD)])
  await pruneAudit(db, { before: new Date('2026-02-01T00:00:00Z') })
  await seal(db, everyVersion())
  await checkpoint({ db, keys, anchor })
  await seal(db, [
    { ...sparse(CURRENT_VERSION), action: 'audit.gap', outcome: 'failure', reason: 'dropped', repeats: 7 },
    { ...sparse(CURRENT_VERSION), action: 'request.refused', outcome: 'denied', reason: 'others', repeats: 4711 },
    { ...sparse(CURRENT_VERSION), action: 'session.start', nameTried: `hmac-sha256:k1:${'0'.repeat(64)}` }
  ])
  await checkpoint({ db, keys, anchor })
  await pruneAudit(db, { before: new Date('2026-02-02T00:00:00Z') })
  await seal(db, [sparse(CURRENT_VERSION), full(CURRENT_VERSION)])
  await checkpoint({ db, keys, anchor })
}

/** Signs what is sealed by now; rejects when that contradicts what was signed. */
export async function checkpoint({ db, keys, anchor }: MutationTrail): Promise<void> {
  await makeCheckpoint({ db, keys, anchors: [anchor], timeoutMs: LIMIT_MS, onAnchorError: () => {} })
}

function everyVersion(): AuditRecord[] {
  return Array.from({ length: CURRENT_VERSION }, (_, index) => [full(index + 1), sparse(index + 1)]).flat()
}

async function seal(db: Knex, records: readonly AuditRecord[]): Promise<void> {
  // The sealer orders the rows of a transaction by time and id.
  for (const record of records) await insertRecords(db, [record], LIMIT_MS)
  await sealNow(db, { timeoutMs: LIMIT_MS })
}

/** As the first release pruned: a mark without a range, which a row of the trail adopts later. */
async function pruneAsBefore(db: Knex, through: number): Promise<void> {
  const marks = [{ throughSequence: through, removed: through }]
  const record = pruningRecord(2, 'audit-log', ADOPT_ACTION, adoptDetail(marks))
  await db('audit_events').delete()
  await db('audit_prunings').insert({ through_sequence: through, removed: through, event_id: record.id })
  await seal(db, [record])
}

/** Whoever owns the tables removes what is in the way first. */
async function dropChecks(db: Knex, table: string): Promise<void> {
  const { rows } = await db.raw<{ rows: { name: string }[] }>(
    "select conname as name from pg_constraint where conrelid = ?::regclass and contype = 'c'",
    [table]
  )
  for (const { name } of rows) await db.raw('alter table ?? drop constraint ??', [table, name])
}

/** A record with nothing in it that may be left out. */
export function sparse(version: number, occurredAt = YOUNG): AuditRecord {
  return record(version, occurredAt, false)
}

/** A record with something in every field that its version has. */
function full(version: number, occurredAt = YOUNG): AuditRecord {
  return record(version, occurredAt, true)
}

const NESTED = { list: [1, 'two', null, true], nested: { text: 'Größe\u0007\u202e', number: -1.5e-7 } }

/** Made from the table of the fields, so that a new field and a new version are in it by themselves. */
function record(version: number, occurredAt: string, isFull: boolean): AuditRecord {
  const values = Object.entries(RECORD_FIELDS).map(([name, { stored, since }]) => {
    const isThere = isFull && since <= version
    if (stored === 'integer') return [name, isThere ? 3 : 1]
    if (!isThere) return [name, null]
    return [name, stored === 'json' ? NESTED : `${name}-1`]
  })
  // The members are those of the table, which has the type of each.
  return {
    ...(Object.fromEntries(values) as AuditRecord),
    version,
    id: randomUUID(),
    occurredAt,
    process: 'orders',
    action: 'order.place',
    outcome: 'success'
  }
}
