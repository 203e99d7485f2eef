import { OrderNotCancellableError } from '../errors.ts'
import { CANCELLABLE, type StoredOrder } from './order.ts'
import { changeState, findOrder } from './order-store.ts'
import type { OrderCollaborators } from './place-order.ts'
import type { Restaurants } from './restaurants.ts'

/**
 * Cancels an order: first the ticket at the restaurant, then the order, so that no restaurant cooks what was cancelled.
 * Cancelling a cancelled order changes nothing and answers the same.
 * @throws `SALLYPORT_ORDER_NOT_CANCELLABLE`, what `restaurants` throws
 */
export async function cancelOrder (collaborators: OrderCollaborators, order: StoredOrder): Promise<StoredOrder> {
  const { db, restaurants, audit } = collaborators
  if (order.state === 'CANCELLED') return alreadyCancelled(collaborators, order)
  if (!CANCELLABLE.includes(order.state)) throw new OrderNotCancellableError()
  const ticketId = await ticketOf(restaurants, order)
  if (ticketId !== null && !await restaurants.cancelTicket(ticketId)) throw new OrderNotCancellableError()
  const cancelled = await db.transaction(async trx => {
    const changed = await changeState(trx, order.orderId, CANCELLABLE, { state: 'CANCELLED', ticketId })
    if (changed !== null) {
      await audit(trx, { action: 'order.cancel', outcome: 'success', detail: { before: { state: order.state }, after: { state: changed.state } } })
    }
    return changed
  })
  return cancelled ?? cancelledMeanwhile(collaborators, order)
}

/** The ticket of an order whose answer got lost is found by asking for it again: an order has one ticket at most. */
async function ticketOf (restaurants: Restaurants, order: StoredOrder): Promise<string | null> {
  if (order.ticketId !== null) return order.ticketId
  const answer = await restaurants.openTicket(order)
  return answer.kind === 'opened' ? answer.ticketId : null
}

async function cancelledMeanwhile (collaborators: OrderCollaborators, { orderId }: StoredOrder): Promise<StoredOrder> {
  const order = await findOrder(collaborators.db, orderId)
  if (order?.state !== 'CANCELLED') throw new OrderNotCancellableError()
  return alreadyCancelled(collaborators, order)
}

async function alreadyCancelled ({ db, audit }: OrderCollaborators, order: StoredOrder): Promise<StoredOrder> {
  await audit(db, { action: 'order.cancel', outcome: 'success', reason: 'already-cancelled', detail: { before: { state: order.state }, after: { state: order.state } } })
  return order
}
