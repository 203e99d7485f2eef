import type { AuditEffect, BegunWork, RecordAudit } from '@sallyport/service-kit'
import type { AuditEvent } from '@sallyport/security-context'
import type { Knex } from 'knex'
import type { OrderState } from '../schemas.ts'
import type { StoredOrder } from './order.ts'
import type { StateChange } from './order-statements.ts'
import { findOrder } from './order-store.ts'
import type { OrderWrites } from './order-writes.ts'
import type { Restaurants, TicketAnswer } from './restaurant-client.ts'

/** How an order is kept to one per key of its customer. */
export interface OrderKey {
  /** Takes the key for a new order, in the transaction that stores it. */
  readonly claim: (trx: Knex, orderId: string) => Promise<void>
  /** Stores what is answered about an order that is settled, in the transaction that settles it. */
  readonly store: (trx: Knex, order: StoredOrder) => Promise<void>
}

/** Collaborators for placing, cancelling and recovering orders. */
export interface OrderCollaborators {
  readonly db: Knex
  readonly writes: OrderWrites
  readonly restaurants: Restaurants
  readonly audit: RecordAudit
  readonly auditEffect: AuditEffect
  /** `null` where nobody sent a key: then each step is one statement, and needs no transaction. */
  readonly key: OrderKey | null
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
  collaborators: OrderCollaborators,
  order: StoredOrder,
  ticketId: string
): Promise<StoredOrder> {
  const { db, restaurants, key } = collaborators
  const approve = async (at: Knex): Promise<StoredOrder | null> => {
    const approved = { state: 'APPROVED', ticketId } as const
    return await moveOrder(collaborators, order, { at, from: WAITING, to: approved }, { action: 'order.approve' })
  }
  const approved =
    key === null
      ? await approve(db)
      : await db.transaction(async trx => {
          const changed = await approve(trx)
          if (changed !== null) await key.store(trx, changed)
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
  collaborators: OrderCollaborators,
  order: StoredOrder,
  reason: string
): Promise<StoredOrder> {
  const { db } = collaborators
  const move = { at: db, from: WAITING, to: { state: 'REJECTED', ticketId: null } } as const
  const rejected = await moveOrder(collaborators, order, move, { action: 'order.reject', outcome: 'failure', reason })
  return rejected ?? (await findOrder(db, order.orderId)) ?? order
}

/** Stores that a waiting order is cancelled, because its ticket is withdrawn or there is none. */
export async function withdrawOrder(
  collaborators: OrderCollaborators,
  order: StoredOrder,
  ticketId: string | null,
  reason: string
): Promise<StoredOrder> {
  const { db } = collaborators
  const move = { at: db, from: WAITING, to: { state: 'CANCELLED', ticketId } } as const
  const withdrawn = await moveOrder(collaborators, order, move, { action: 'order.cancel', reason })
  return withdrawn ?? (await findOrder(db, order.orderId)) ?? order
}

const WAITING: readonly OrderState[] = ['APPROVAL_PENDING']

/** A move of an order, on the pool or in a transaction. */
interface OrderMove extends Pick<StateChange, 'from' | 'to'> {
  readonly at: Knex
}

/** Moves an order on together with its audit row; `null` when somebody else was faster, and nothing is recorded. */
export async function moveOrder(
  { writes, auditEffect }: OrderCollaborators,
  order: StoredOrder,
  { at, from, to }: OrderMove,
  event: Pick<AuditEvent, 'action' | 'reason'> & Partial<AuditEvent>
): Promise<StoredOrder | null> {
  const after = to.state === 'APPROVED' ? to : { state: to.state }
  const detail = { before: { state: order.state }, after }
  const isMoved = await auditEffect(at, { outcome: 'success', resource: auditedOrder(order), detail, ...event }, row =>
    writes.changeState(at, { orderId: order.orderId, from, to }, row)
  )
  return isMoved ? { ...order, ...to } : null
}
