import type { BegunWork, RecordAudit } from '@sallyport/service-kit'
import type { Knex } from 'knex'
import type { StoredOrder } from './order.ts'
import { changeState, findOrder } from './order-store.ts'
import type { Restaurants, TicketAnswer } from './restaurant-client.ts'

/** How an order is kept to one per key of its customer. */
export interface OrderKey {
  /** Takes the key for a new order, in the transaction that stores it. */
  readonly claim: (trx: Knex, orderId: string) => Promise<void>
  /** Stores what is answered about an order that is settled, in the transaction that settles it. */
  readonly store: (trx: Knex, order: StoredOrder) => Promise<void>
}

/** Of work that nobody sent a key for. */
export const NO_ORDER_KEY: OrderKey = { claim: async () => {}, store: async () => {} }

/** Collaborators for placing, cancelling and recovering orders. */
export interface OrderCollaborators {
  readonly db: Knex
  readonly restaurants: Restaurants
  readonly audit: RecordAudit
  readonly key: OrderKey
  /** What begins now, and when recovery may take it up. */
  readonly begun: BegunWork
}

/** The order in audit rows. */
export function auditedOrder({ orderId }: Pick<StoredOrder, 'orderId'>): {
  readonly type: string
  readonly id: string
} {
  return { type: 'order', id: orderId }
}

/**
 * Stores the answer of the restaurant about the ticket of a waiting order, and returns the order after that.
 * @throws what `restaurants` throws
 */
export async function storeTicketAnswer(
  collaborators: OrderCollaborators,
  order: StoredOrder,
  ticket: TicketAnswer
): Promise<StoredOrder> {
  switch (ticket.kind) {
    case 'opened':
      return approveOrder(collaborators, order, ticket.ticketId)
    case 'withdrawn':
      return withdrawOrder(collaborators, order, ticket.ticketId, 'ticket-withdrawn')
    case 'refused':
      return rejectOrder(collaborators, order, 'restaurant-refused')
  }
}

async function approveOrder(
  { db, restaurants, audit, key }: OrderCollaborators,
  order: StoredOrder,
  ticketId: string
): Promise<StoredOrder> {
  const approved = await db.transaction(async trx => {
    const changed = await changeState(trx, order.orderId, ['APPROVAL_PENDING'], { state: 'APPROVED', ticketId })
    if (changed !== null) {
      const detail = { before: { state: order.state }, after: { state: 'APPROVED', ticketId } }
      await audit(trx, { action: 'order.approve', outcome: 'success', resource: auditedOrder(order), detail })
      await key.store(trx, changed)
    }
    return changed
  })
  if (approved !== null) return approved
  const current = (await findOrder(db, order.orderId)) ?? order
  // The request and recovery may both ask: the second one finds the order approved.
  if (current.state === 'APPROVED') return current
  // Cancelled during the call of the restaurant: the ticket must not outlive the order.
  await restaurants.cancelTicket(ticketId)
  return current
}

/** Stores that an order gets no ticket. */
export async function rejectOrder(
  { db, audit }: OrderCollaborators,
  order: StoredOrder,
  reason: string
): Promise<StoredOrder> {
  const rejected = await db.transaction(async trx => {
    const changed = await changeState(trx, order.orderId, ['APPROVAL_PENDING'], { state: 'REJECTED', ticketId: null })
    if (changed !== null) {
      const detail = { before: { state: order.state }, after: { state: 'REJECTED' } }
      await audit(trx, { action: 'order.reject', outcome: 'failure', reason, resource: auditedOrder(order), detail })
    }
    return changed
  })
  return rejected ?? (await findOrder(db, order.orderId)) ?? order
}

/** Stores that a waiting order is cancelled, because its ticket is withdrawn or there is none. */
export async function withdrawOrder(
  { db, audit }: OrderCollaborators,
  order: StoredOrder,
  ticketId: string | null,
  reason: string
): Promise<StoredOrder> {
  const withdrawn = await db.transaction(async trx => {
    const changed = await changeState(trx, order.orderId, ['APPROVAL_PENDING'], { state: 'CANCELLED', ticketId })
    if (changed !== null) {
      const detail = { before: { state: order.state }, after: { state: 'CANCELLED' } }
      await audit(trx, { action: 'order.cancel', outcome: 'success', reason, resource: auditedOrder(order), detail })
    }
    return changed
  })
  return withdrawn ?? (await findOrder(db, order.orderId)) ?? order
}
