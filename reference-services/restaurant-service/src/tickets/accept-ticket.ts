import type { RecordAudit } from '@sallyport/chassis'
import type { Knex } from 'knex'
import { TicketStateError } from '../errors.ts'
import { closeTicket, findTicket, noteDelivery, type StoredTicket } from './ticket-store.ts'

/** delivery-service, asked in the caller's name: opens the delivery of a ticket, or finds the one that it has. */
export type OpenDelivery = (ticket: StoredTicket) => Promise<{ readonly deliveryId: string }>

/** What tickets are accepted with. */
export interface AcceptCollaborators {
  readonly db: Knex
  readonly audit: RecordAudit
  readonly openDelivery: OpenDelivery
}

/**
 * Accepts a ticket and opens its delivery. The ticket is accepted first: from then on order-service cannot withdraw it,
 * so no courier is sent for a cancelled order. When the delivery fails, the ticket stays accepted without one, and
 * accepting it again asks again; a ticket that has its delivery is answered as it is.
 * @throws `SALLYPORT_RESTAURANT_TICKET_STATE`, what `openDelivery` throws
 */
export async function acceptTicket (collaborators: AcceptCollaborators, { ticketId }: StoredTicket): Promise<StoredTicket> {
  const { db, audit, openDelivery } = collaborators
  const accepted = await accept(collaborators, ticketId) ?? await findTicket(db, { ticketId })
  if (accepted === null || accepted.state !== 'ACCEPTED') throw new TicketStateError()
  if (accepted.deliveryId !== null) {
    await audit(db, { action: 'ticket.accept', outcome: 'success', reason: 'already-accepted', detail: { after: { state: accepted.state } } })
    return accepted
  }
  const { deliveryId } = await openDelivery(accepted)
  await db.transaction(async trx => {
    await noteDelivery(trx, ticketId, deliveryId)
    await audit(trx, { action: 'ticket.arrange-delivery', outcome: 'success', detail: { before: { deliveryId: null }, after: { deliveryId } } })
  })
  return { ...accepted, deliveryId }
}

async function accept ({ db, audit }: AcceptCollaborators, ticketId: string): Promise<StoredTicket | null> {
  return db.transaction(async trx => {
    const changed = await closeTicket(trx, ticketId, 'ACCEPTED')
    if (changed !== null) {
      await audit(trx, { action: 'ticket.accept', outcome: 'success', detail: { before: { state: 'OPEN' }, after: { state: 'ACCEPTED' } } })
    }
    return changed
  })
}
