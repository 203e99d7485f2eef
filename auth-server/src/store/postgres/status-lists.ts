import { randomInt, randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import type { StatusListStore } from '../contract.ts'
import type { StatusPosition } from '../records.ts'
import { timeOf } from './time.ts'

interface ListRow {
  readonly id: string
  readonly size: number
  readonly bits: Buffer
  readonly version: string
  readonly open: boolean
  readonly created_at: Date
}

/** So many taken positions in a row mean, with all likelihood, that half of the list is taken. */
const COLLISIONS_OF_A_FULL_LIST = 6

/** More than a list has positions, and what `randomInt` can give. */
const FRACTIONS = 2 ** 47

const ALLOCATE = `insert into status_indexes (list_id, index, allocated_at)
  select id, floor(cast(:fraction as double precision) * size), cast(:now as timestamptz) from status_lists where open order by created_at limit 1
  on conflict do nothing returning list_id, index`

/** Status lists on PostgreSQL. */
export function statusListStore(db: Knex): StatusListStore {
  return {
    allocate: async (listSize, nowMs) => await allocate(db, listSize, nowMs),
    revoke: async positions => {
      // One row at a time and in one order: two revocations over the same lists never wait for each other in a circle.
      for (const [listId, indexes] of [...byList(positions)].sort(([a], [b]) => (a < b ? -1 : 1))) {
        await setBits(db, listId, indexes)
      }
    },
    read: async listId => {
      const row = await db<ListRow>('status_lists').where({ id: listId }).first()
      return row === undefined ? null : { id: row.id, size: row.size, bits: row.bits, version: Number(row.version) }
    },
    version: async listId => {
      const row = await db<ListRow>('status_lists').where({ id: listId }).first('version')
      return row === undefined ? null : Number(row.version)
    }
  }
}

async function allocate(db: Knex, listSize: number, nowMs: number): Promise<StatusPosition> {
  const { rows } = await db.raw<{ rows: Array<{ list_id: string; index: number }> }>(ALLOCATE, {
    fraction: randomInt(FRACTIONS) / FRACTIONS,
    now: timeOf(nowMs)
  })
  const [taken] = rows
  return taken === undefined ? await searchPosition(db, listSize, nowMs) : { listId: taken.list_id, index: taken.index }
}

/** After a collision, and when there is no open list. */
async function searchPosition(db: Knex, listSize: number, nowMs: number): Promise<StatusPosition> {
  for (;;) {
    const list = await openList(db, listSize, nowMs)
    for (let collisions = 0; collisions < COLLISIONS_OF_A_FULL_LIST; collisions++) {
      const index = randomInt(list.size)
      const inserted = await db('status_indexes')
        .insert({ list_id: list.id, index, allocated_at: timeOf(nowMs) })
        .onConflict()
        .ignore()
        .returning('index')
      if (inserted.length > 0) return { listId: list.id, index }
    }
    await db('status_lists').where({ id: list.id }).update({ open: false })
  }
}

async function openList(
  db: Knex,
  listSize: number,
  nowMs: number
): Promise<{ readonly id: string; readonly size: number }> {
  const open = await db<ListRow>('status_lists').where({ open: true }).orderBy('created_at').first('id', 'size')
  if (open !== undefined) return open
  const list = { id: randomUUID(), size: listSize }
  await db('status_lists').insert({ ...list, bits: Buffer.alloc(Math.ceil(listSize / 8)), created_at: timeOf(nowMs) })
  return list
}

// Not `for update`: whoever allocates a position holds a key lock of its list, and two that do both would wait for each
// other.
async function setBits(db: Knex, listId: string, indexes: readonly number[]): Promise<void> {
  await db.transaction(async trx => {
    const row = await trx<ListRow>('status_lists').where({ id: listId }).forNoKeyUpdate().first('bits')
    if (row === undefined) throw new Error(`no status list ${listId}`)
    const bits = Buffer.from(row.bits)
    for (const index of indexes) bits.writeUInt8(bits.readUInt8(index >> 3) | (1 << (index & 7)), index >> 3)
    await trx('status_lists')
      .where({ id: listId })
      .update({ bits, version: trx.raw('version + 1') })
  })
}

function byList(positions: readonly StatusPosition[]): Map<string, number[]> {
  const lists = new Map<string, number[]>()
  for (const { listId, index } of positions) {
    const indexes = lists.get(listId)
    if (indexes === undefined) lists.set(listId, [index])
    else indexes.push(index)
  }
  return lists
}
