import { OrderNotCancellableError } from '../errors.ts'
import { CANCELLABLE, type StoredOrder } from './order.ts'
import { findOrder } from './order-store.ts'
import type { Restaurants } from './restaurant-client.ts'
import { auditedOrder, moveOrder, type OrderCollaborators } from './settle-order.ts'
import { beginCancel, giveUpCancel } from './unfinished-orders.ts'

/**
 * Cancels an order in three steps, so that no restaurant cooks a cancelled order: it records that the cancellation
 * begins, withdraws the ticket at the restaurant, and cancels the order. From the first step on, recovery finishes what
 * this call does not. Cancelling a cancelled order changes nothing and returns the same.
 * @throws `SALLYPORT_ORDER_NOT_CANCELLABLE`, what `restaurants` throws
 */
export async function cancelOrder(collaborators: OrderCollaborators, order: StoredOrder): Promise<StoredOrder> {
  const { db, audit, begun: beginning } = collaborators
  if (order.state === 'CANCELLED') return alreadyCancelled(collaborators, order)
  if (!CANCELLABLE.includes(order.state)) throw new OrderNotCancellableError()
  const begun = await db.transaction(async trx => {
    if (!(await beginCancel(trx, order.orderId, beginning))) return false
    const detail = { before: { state: order.state } }
    await audit(trx, { action: 'order.begin-cancel', outcome: 'success', resource: auditedOrder(order), detail })
    return true
  })
  return begun ? finishCancel(collaborators, order) : cancelledMeanwhile(collaborators, order)
}

/**
 * Carries out a cancellation that has begun.
 * @throws `SALLYPORT_ORDER_NOT_CANCELLABLE` when the restaurant has accepted; then the cancellation is given up
 */
export async function finishCancel(collaborators: OrderCollaborators, order: StoredOrder): Promise<StoredOrder> {
  const { db, restaurants } = collaborators
  const ticketId = await ticketOfOrder(restaurants, order)
  if (ticketId !== null && !(await restaurants.cancelTicket(ticketId))) {
    await giveUpCancel(db, order.orderId)
    throw new OrderNotCancellableError()
  }
  const move = { at: db, from: CANCELLABLE, to: { state: 'CANCELLED', ticketId } } as const
  const cancelled = await moveOrder(collaborators, order, move, { action: 'order.cancel' })
  return cancelled ?? cancelledMeanwhile(collaborators, order)
}

/** Asking again finds the ticket of an order whose answer was lost: an order has one ticket at most. */
async function ticketOfOrder(restaurants: Restaurants, order: StoredOrder): Promise<string | null> {
  if (order.ticketId !== null) return order.ticketId
  const answer = await restaurants.openTicket(order)
  return answer.kind === 'refused' ? null : answer.ticketId
}

async function cancelledMeanwhile(collaborators: OrderCollaborators, { orderId }: StoredOrder): Promise<StoredOrder> {
  const order = await findOrder(collaborators.db, orderId)
  if (order?.state !== 'CANCELLED') throw new OrderNotCancellableError()
  return alreadyCancelled(collaborators, order)
}

async function alreadyCancelled({ db, audit }: OrderCollaborators, order: StoredOrder): Promise<StoredOrder> {
  const detail = { before: { state: order.state }, after: { state: order.state } }
  await audit(db, {
    action: 'order.cancel',
    outcome: 'success',
    reason: 'already-cancelled',
    resource: auditedOrder(order),
    detail
  })
  return order
}
