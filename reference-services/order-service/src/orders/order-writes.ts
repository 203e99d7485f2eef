import { effectsTogether, type AuditRecord } from '@sallyport/audit-log'
import type { Knex } from 'knex'
import { changeFreeStates, insertOrders, type NewStoredOrder, type StateChange } from './order-statements.ts'
import { changeState, insertOrder } from './order-store.ts'

/** Changes of orders, each committed with its audit row, on the pool or in a transaction. */
export interface OrderWrites {
  /** Stores a new order with its lines. */
  readonly insert: (at: Knex, placed: NewStoredOrder, row: AuditRecord) => Promise<boolean>
  /** Moves an order on, if it is still in one of the states; `false`: somebody else was faster. */
  readonly changeState: (at: Knex, change: StateChange, row: AuditRecord) => Promise<boolean>
}

/**
 * Writes on the pool go together with those of concurrent requests: one statement and one commit for all of them. An
 * order that somebody has, or that has moved on, is tried again by itself, and only that waits.
 * @param db the pool
 */
export function orderWritesOn(db: Knex): OrderWrites {
  const insertTogether = effectsTogether(db, insertOrders)
  const changeTogether = effectsTogether(db, changeFreeStates)
  return {
    insert: async (at, placed, row) =>
      at === db ? await insertTogether({ effect: placed, row }) : await insertOrder(at, placed, row),
    changeState: async (at, change, row) =>
      (at === db && (await changeTogether({ effect: change, row }))) || (await changeState(at, change, row))
  }
}
