// What somebody can do to the tables of a trail who has every right on them.
import type { Knex } from 'knex'
import { sealNow, type AuditRecord } from '@sallyport/audit-log'
import { contentHash, CURRENT_VERSION, SELECT_RECORD } from '../../../plugins/audit-log/src/record.ts'
import { chainHash, GENESIS } from '../../../plugins/audit-log/src/seal-pending.ts'
import { insertRecords } from '../../../plugins/audit-log/src/store.ts'
import { sparse, type NotesAnchor } from './every-kind-of-row.ts'

/** One change of the tables. */
export interface TrailMutation {
  readonly name: string
  /** Resolves to `false` when there was nothing to change. */
  readonly run: (db: Knex, anchor: NotesAnchor) => Promise<boolean>
}

/** The tables of a trail. */
export const TRAIL_TABLES = ['audit_events', 'audit_seals', 'audit_prunings', 'audit_checkpoints'] as const

/**
 * Columns that say nothing of what happened. Which transaction a row came with, and how far sealing is, only help to
 * find rows; when something was sealed, pruned or signed stands in the rows of the trail and in the log; which roots of
 * subtrees a checkpoint had only saves work, and those of the last one are compared before they are used.
 */
export const BOOKKEEPING: Readonly<Record<(typeof TRAIL_TABLES)[number], readonly string[]>> = {
  audit_events: ['transaction_id'],
  audit_seals: ['sealed_at', 'watermark'],
  audit_prunings: ['id', 'pruned_at', 'pruned_by'],
  audit_checkpoints: ['made_at', 'roots']
}

const LIMIT_MS = 60_000
const KEYS = { audit_events: 'id', audit_seals: 'sequence', audit_prunings: 'id', audit_checkpoints: 'size' } as const

interface TableColumn {
  readonly name: string
  readonly type: string
}

/** Every mutation of the trail as it is now. */
export async function trailMutations(db: Knex): Promise<TrailMutation[]> {
  const mutations: TrailMutation[] = []
  for (const table of TRAIL_TABLES) {
    const columns = (await columnsOf(db, table)).filter(({ name }) => !BOOKKEEPING[table].includes(name))
    const pruned = table === 'audit_seals' ? await prunedSequences(db) : []
    const rows: { key: string }[] = await db(table).select({ key: db.raw('??::text', [KEYS[table]]) })
    for (const { key } of rows) {
      // A row that was pruned has its hash in the chain; that its seal once pointed to it says nothing any more.
      const own = columns.filter(({ name }) => name !== 'event_id' || !pruned.includes(key))
      for (const column of own) mutations.push(...fieldMutations(table, key, column))
    }
  }
  const { rows } = await db.raw<{ rows: { last: number }[] }>('select max(sequence)::int as last from audit_seals')
  return [...mutations, ...rowMutations(rows[0]?.last ?? 0), ...CHECKPOINT_MUTATIONS, ...ANCHOR_MUTATIONS]
}

async function prunedSequences(db: Knex): Promise<string[]> {
  const { rows } = await db.raw<{ rows: { key: string }[] }>(
    `select s.sequence::text as key from audit_seals s
      where not exists (select from audit_events e where e.id = s.event_id)`
  )
  return rows.map(({ key }) => key)
}

/** The columns of a table, with their types. */
export async function columnsOf(db: Knex, table: string): Promise<TableColumn[]> {
  const { rows } = await db.raw<{ rows: TableColumn[] }>(
    'select column_name as name, udt_name as type from information_schema.columns where table_name = ? and table_schema = ?',
    [table, 'public']
  )
  return rows
}

/** Other values for a column, as SQL over it. Each is checked to be another one before it is put there. */
const OTHER_VALUES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  text: { 'with a letter more': "coalesce(:column:, '') || 'x'", 'left out': 'null', empty: "''" },
  jsonb: {
    'with a member more': "jsonb_build_object('planted', :column:)",
    'left out': 'null',
    'with a number that no program holds': "jsonb_build_object('planted', 1e400::numeric)",
    'with a member less':
      "case when jsonb_typeof(:column:) = 'object' then :column: - (select min(k) from jsonb_object_keys(:column:) k) else 'false' end"
  },
  timestamptz: {
    'a microsecond later': ":column: + interval '1 microsecond'",
    'before Christ': "(to_char(:column: at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00 BC')::timestamptz"
  },
  uuid: { 'of nobody': 'gen_random_uuid()' },
  bytea: {
    'with another bit': "set_byte(coalesce(:column:, '\\x00'), 0, get_byte(coalesce(:column:, '\\x00'), 0) # 1)",
    'of zeros': "decode(repeat('00', 32), 'hex')"
  },
  int2: { 'one more': ':column: + 1', 'one less': ':column: - 1', unknown: '99' },
  int4: { 'one more': ':column: + 1', 'one less': ':column: - 1' },
  int8: { 'one more': 'coalesce(:column:, 0) + 1', 'one less': 'coalesce(:column:, 0) - 1', unknown: '4711' }
}

function fieldMutations(table: (typeof TRAIL_TABLES)[number], key: string, column: TableColumn): TrailMutation[] {
  const values = OTHER_VALUES[column.type]
  if (values === undefined) {
    throw new Error(`${table}.${column.name} has the type ${column.type}, which nothing changes`)
  }
  return Object.entries(values).map(([how, sql]) => ({
    name: `${table}.${column.name} ${how}, of ${key}`,
    run: async db => {
      const names = { table, column: column.name, key: KEYS[table], value: key }
      // A row that is as it was is not a mutation; one that the types or keys of the table refuse is none either.
      const done = await db
        .raw<{ rowCount: number }>(
          `update :table: set :column: = ${sql} where :key:::text = :value and :column: is distinct from (${sql})`,
          names
        )
        .catch((error: unknown) => {
          if (isRefused(error)) return { rowCount: 0 }
          throw error
        })
      return done.rowCount > 0
    }
  }))
}

/** Null where a value must be, a key twice. */
function isRefused(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === '23502' || error.code === '23505')
}

/** Rows that are removed, inserted, moved and cut off; first clumsily, then with the chain written anew behind it. */
function rowMutations(last: number): TrailMutation[] {
  return Array.from({ length: last }, (_, index) => index + 1).flatMap(sequence => [
    { name: `the row of ${sequence} is removed`, run: db => removed(db, 'audit_events', sequence) },
    { name: `the seal of ${sequence} is removed`, run: db => removed(db, 'audit_seals', sequence) },
    { name: `row and seal of ${sequence} are removed`, run: db => removeBoth(db, sequence) },
    {
      name: `${sequence} is removed, and the chain written anew`,
      run: async db => (await removeBoth(db, sequence)) && (await rewriteChain(db))
    },
    {
      name: `a row is inserted before ${sequence}, and the chain written anew`,
      run: async db => (await insertBefore(db, sequence)) && (await rewriteChain(db))
    },
    { name: `${sequence} and its neighbour change places`, run: db => swapped(db, sequence) },
    {
      name: `${sequence} and its neighbour change places, and the chain is written anew`,
      run: async db => (await swapped(db, sequence)) && (await rewriteChain(db))
    },
    {
      name: `the row of ${sequence} is changed with its hash, and the chain written anew`,
      run: async db => (await rehashed(db, sequence)) && (await rewriteChain(db))
    },
    { name: `the tail from ${sequence} on is cut off`, run: db => cutTail(db, sequence) },
    {
      name: `the tail from ${sequence} on is cut off, with every checkpoint over it: an older backup`,
      run: async db => {
        await db('audit_checkpoints').where('size', '>=', sequence).delete()
        return await cutTail(db, sequence)
      }
    },
    { name: `the row of ${sequence} is removed under a mark that no row states`, run: db => markForged(db, sequence) }
  ])
}

const eventAt = (db: Knex, sequence: number) => db('audit_seals').select('event_id').where({ sequence })

async function removed(db: Knex, table: 'audit_events' | 'audit_seals', sequence: number): Promise<boolean> {
  const count =
    table === 'audit_seals'
      ? await db(table).where({ sequence }).delete()
      : await db(table).whereIn('id', eventAt(db, sequence)).delete()
  return count > 0
}

async function removeBoth(db: Knex, sequence: number): Promise<boolean> {
  await removed(db, 'audit_events', sequence)
  return await removed(db, 'audit_seals', sequence)
}

/** A row that is right in itself, and was never there. */
async function insertBefore(db: Knex, sequence: number): Promise<boolean> {
  await db.raw('update audit_seals set sequence = -sequence - 1 where sequence >= ?', [sequence])
  await db.raw('update audit_seals set sequence = -sequence where sequence < 0')
  const planted = sparse(CURRENT_VERSION)
  await insertRecords(db, [planted], LIMIT_MS)
  const hash = contentHash(planted)
  await db('audit_seals').insert({ sequence, event_id: planted.id, content_hash: hash, chain_hash: hash })
  return true
}

async function swapped(db: Knex, sequence: number): Promise<boolean> {
  const { rowCount } = await db.raw<{ rowCount: number }>(
    `update audit_seals s set sequence = -o.sequence from audit_seals o
      where s.sequence in (:one, :other) and o.sequence in (:one, :other) and s.sequence <> o.sequence`,
    { one: sequence, other: sequence + 1 }
  )
  await db.raw('update audit_seals set sequence = -sequence where sequence < 0')
  return rowCount > 0
}

async function rehashed(db: Knex, sequence: number): Promise<boolean> {
  const { rows } = await db.raw<{ rows: AuditRecord[] }>(
    `select ${SELECT_RECORD} from audit_seals s join audit_events e on e.id = s.event_id where s.sequence = ?`,
    [sequence]
  )
  const [record] = rows
  if (record === undefined) return false
  const changed = { ...record, outcome: 'failure', reason: 'planted' } as const
  await db('audit_events').where({ id: record.id }).delete()
  await insertRecords(db, [changed], LIMIT_MS)
  await db('audit_seals')
    .where({ sequence })
    .update({ content_hash: contentHash(changed) })
  return true
}

async function cutTail(db: Knex, from: number): Promise<boolean> {
  await db('audit_events')
    .whereIn('id', db('audit_seals').select('event_id').where('sequence', '>=', from))
    .delete()
  await db('audit_prunings').where('through_sequence', '>=', from).delete()
  return (await db('audit_seals').where('sequence', '>=', from).delete()) > 0
}

async function markForged(db: Knex, sequence: number): Promise<boolean> {
  if (!(await removed(db, 'audit_events', sequence))) return false
  await db.raw(
    `insert into audit_prunings (first_sequence, through_sequence, removed, digest, event_id)
      select :sequence, :sequence, 1, sha256(int8send(:sequence) || int8send(:sequence) ||
        coalesce((select chain_hash from audit_seals where sequence = :sequence - 1), :genesis) ||
        (select chain_hash from audit_seals where sequence = :sequence)), gen_random_uuid()`,
    { sequence, genesis: GENESIS }
  )
  return true
}

/** Numbers the seals without a gap, and gives each the chain hash that it would have. */
async function rewriteChain(db: Knex): Promise<boolean> {
  const seals = await db('audit_seals').orderBy('sequence').select<{ event_id: string; content_hash: Buffer }[]>()
  await db('audit_seals').delete()
  let previous: Buffer = GENESIS
  for (const [index, { event_id: id, content_hash: hash }] of seals.entries()) {
    previous = chainHash(previous, index + 1, hash)
    await db('audit_seals').insert({ sequence: index + 1, event_id: id, content_hash: hash, chain_hash: previous })
  }
  await sealNow(db)
  return true
}

const noteOf = (which: string): string => `(select note from audit_checkpoints order by size ${which} limit 1)`
const changed = (name: string, sql: string): TrailMutation => ({
  name,
  run: async db => {
    const { rowCount } = await db.raw<{ rowCount: number }>(sql)
    return rowCount > 0
  }
})

const CHECKPOINT_MUTATIONS: readonly TrailMutation[] = [
  changed(
    'the last checkpoint is replaced by the first',
    `update audit_checkpoints set note = ${noteOf('asc')} where note = ${noteOf('desc')}`
  ),
  changed(
    'the first checkpoint is replaced by the last',
    `update audit_checkpoints set note = ${noteOf('desc')} where note = ${noteOf('asc')}`
  ),
  changed(
    'a checkpoint is replayed for another size',
    `insert into audit_checkpoints (size, note, roots)
      select size - 1, note, roots from audit_checkpoints order by size desc limit 1`
  ),
  changed(
    'the roots of the last checkpoint are changed',
    `update audit_checkpoints set roots = set_byte(roots, 0, get_byte(roots, 0) # 1) where note = ${noteOf('desc')}`
  ),
  changed(
    'the signatures are removed',
    String.raw`update audit_checkpoints set note = regexp_replace(note, '\n\n.*', E'\n\n')`
  )
]

/** The anchor is elsewhere, but not every one of them is safe. */
const ANCHOR_MUTATIONS: readonly TrailMutation[] = [
  noteChanged('the size in the anchor is changed', note =>
    note.replace(/\n(\d+)\n/, (_all, size) => `\n${Number(size) + 1}\n`)
  ),
  noteChanged('the root in the anchor is changed', note =>
    note.replace(/(\n\d+\n)./, (_all, start) => `${start}${note.includes(`${start}A`) ? 'B' : 'A'}`)
  ),
  noteChanged('the chain hash in the anchor is changed', note =>
    note.replace(/\nchain ./, all => `\nchain ${all.endsWith('A') ? 'B' : 'A'}`)
  ),
  noteChanged('the chain hash in the anchor is removed', note => note.replace(/\nchain .*\n/, '\n')),
  noteChanged('the name in the anchor is changed', note => `x${note}`),
  noteChanged('the signature in the anchor is removed', note => note.replace(/\n\n.*/s, '\n\n'))
]

function noteChanged(name: string, change: (note: string) => string): TrailMutation {
  return {
    name,
    run: async (_db, { notes }) => {
      const note = notes.at(-1) ?? ''
      notes.splice(-1, 1, change(note))
      return notes.at(-1) !== note
    }
  }
}
