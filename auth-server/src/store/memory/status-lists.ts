import { randomInt, randomUUID } from 'node:crypto'
import type { StatusListStore } from '../contract.ts'
import type { StatusList, StatusPosition } from '../records.ts'
import type { RunStep, Tables } from './tables.ts'

/** Status lists in memory. */
export function statusListStore(tables: Tables, run: RunStep): StatusListStore {
  const { statusLists } = tables
  return {
    allocate: async listSize => await run(() => allocate(tables, listSize)),
    revoke: async positions => {
      await run(() => {
        for (const { listId, index } of positions) {
          if (!statusLists.update(listId, list => withBit(list, index))) throw new Error(`no status list ${listId}`)
        }
      })
    },
    read: async listId => await run(() => statusLists.get(listId) ?? null),
    version: async listId => await run(() => statusLists.get(listId)?.version ?? null)
  }
}

const positionKey = ({ listId, index }: StatusPosition): string => `${listId} ${index}`

/** So many taken positions in a row mean, with all likelihood, that half of the list is taken. */
const COLLISIONS_OF_A_FULL_LIST = 6

function allocate(tables: Tables, listSize: number): StatusPosition {
  const newest = tables.statusLists.values().at(-1)
  const taken = newest === undefined ? null : takeOneOf(tables, newest)
  if (taken !== null) return taken
  const list = { id: randomUUID(), size: listSize, bits: Buffer.alloc(Math.ceil(listSize / 8)), version: 1 }
  tables.statusLists.set(list.id, list)
  const position = takeOneOf(tables, list)
  if (position === null) throw new Error('nothing of a new status list is taken')
  return position
}

/** A random free position, `null` when there are few left. */
function takeOneOf({ statusIndexes }: Tables, list: StatusList): StatusPosition | null {
  for (let attempt = 0; attempt < COLLISIONS_OF_A_FULL_LIST; attempt++) {
    const position = { listId: list.id, index: randomInt(list.size) }
    if (statusIndexes.has(positionKey(position))) continue
    statusIndexes.set(positionKey(position), true)
    return position
  }
  return null
}

function withBit(list: StatusList, index: number): StatusList {
  const bits = Buffer.from(list.bits)
  bits.writeUInt8(bits.readUInt8(index >> 3) | (1 << (index & 7)), index >> 3)
  return { ...list, bits, version: list.version + 1 }
}
