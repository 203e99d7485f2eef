import { beginWork, type BegunWork } from '@sallyport/service-kit'
import type { Knex } from 'knex'
import { CANCELLABLE, type StoredOrder } from './order.ts'
import { findOrder } from './order-store.ts'

/** Orders with unfinished work. */
export const UNFINISHED_ORDERS = { table: 'orders', idColumn: 'order_id' } as const

/** An order, and what was begun and not finished. */
export interface UnfinishedOrder {
  readonly order: StoredOrder
  readonly begun: 'place' | 'cancel'
}

/** An order with unfinished work; `null` when there is none. */
export async function findUnfinishedOrder(db: Knex, orderId: string): Promise<UnfinishedOrder | null> {
  const row: { begun: UnfinishedOrder['begun'] | null } | undefined = await db('orders')
    .where({ order_id: orderId })
    .select('begun')
    .first()
  const order = row === undefined || row.begun === null ? null : await findOrder(db, orderId)
  return order === null || row === undefined || row.begun === null ? null : { order, begun: row.begun }
}

/** Records that the cancellation of an order begins; `false` when it can no longer be cancelled. */
export async function beginCancel(trx: Knex, orderId: string, work: BegunWork): Promise<boolean> {
  const changed = await trx('orders')
    .where({ order_id: orderId })
    .whereIn('state', [...CANCELLABLE])
    .update({ begun: 'cancel', ...beginWork(trx, work) })
  return changed === 1
}

/**
 * Records that a cancellation is given up because the restaurant has accepted. An order that waits for approval keeps
 * waiting.
 */
export async function giveUpCancel(db: Knex, orderId: string): Promise<void> {
  const whilePending = (value: string): Knex.Raw => db.raw(`case state when 'APPROVAL_PENDING' then ${value} end`)
  await db('orders')
    .where({ order_id: orderId, begun: 'cancel' })
    .update({ begun: whilePending("'place'"), recover_after: whilePending('now()') })
}
