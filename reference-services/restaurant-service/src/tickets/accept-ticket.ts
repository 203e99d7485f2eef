import type { BegunWork, RecordAudit } from '@sallyport/service-kit'
import type { Knex } from 'knex'
import { TicketStateError } from '../errors.ts'
import { acceptOpenTicket, findTicket, noteDelivery, type StoredTicket } from './ticket-store.ts'

/**
 * delivery-service, called in the caller's name, or by recovery in the name of this service: opens the delivery of a
 * ticket, or finds the one that it has.
 */
export type OpenDelivery = (ticket: StoredTicket) => Promise<{ readonly deliveryId: string }>

/** Collaborators for accepting tickets. */
export interface AcceptCollaborators {
  readonly db: Knex
  readonly audit: RecordAudit
  readonly openDelivery: OpenDelivery
  /** What begins when a ticket is accepted now, and when recovery may take it up. */
  readonly begun: BegunWork
}

/**
 * Accepts a ticket and opens its delivery. The ticket is accepted first: from then on order-service cannot withdraw it,
 * so no courier is sent for a cancelled order. When the delivery fails, the ticket stays accepted without one until
 * recovery asks again, or somebody accepts it again. A ticket with its delivery is returned unchanged.
 * @throws `SALLYPORT_RESTAURANT_TICKET_STATE`, what `openDelivery` throws
 */
export async function acceptTicket(
  collaborators: AcceptCollaborators,
  { ticketId }: StoredTicket
): Promise<StoredTicket> {
  const { db, audit } = collaborators
  const accepted = (await acceptOnce(collaborators, ticketId)) ?? (await findTicket(db, { ticketId }))
  if (accepted === null || accepted.state !== 'ACCEPTED') throw new TicketStateError()
  if (accepted.deliveryId === null) return arrangeDelivery(collaborators, accepted)
  await alreadyAccepted(audit, db, accepted)
  return accepted
}

/**
 * Opens the delivery of an accepted ticket and stores its id.
 * @throws what `openDelivery` throws
 */
export async function arrangeDelivery(
  { db, audit, openDelivery }: AcceptCollaborators,
  ticket: StoredTicket
): Promise<StoredTicket> {
  const { deliveryId } = await openDelivery(ticket)
  await db.transaction(async trx => {
    // The request and recovery may both ask: they get the same delivery, and it is stored once.
    if (!(await noteDelivery(trx, ticket.ticketId, deliveryId))) {
      await alreadyAccepted(audit, trx, ticket)
      return
    }
    const detail = { before: { deliveryId: null }, after: { deliveryId } }
    await audit(trx, { action: 'ticket.arrange-delivery', outcome: 'success', resource: auditedTicket(ticket), detail })
  })
  return { ...ticket, deliveryId }
}

async function acceptOnce({ db, audit, begun }: AcceptCollaborators, ticketId: string): Promise<StoredTicket | null> {
  return db.transaction(async trx => {
    const changed = await acceptOpenTicket(trx, ticketId, begun)
    if (changed !== null) {
      const detail = { before: { state: 'OPEN' }, after: { state: 'ACCEPTED' } }
      await audit(trx, { action: 'ticket.accept', outcome: 'success', resource: auditedTicket(changed), detail })
    }
    return changed
  })
}

async function alreadyAccepted(audit: RecordAudit, trx: Knex, ticket: StoredTicket): Promise<void> {
  const detail = { after: { state: ticket.state } }
  await audit(trx, {
    action: 'ticket.accept',
    outcome: 'success',
    reason: 'already-accepted',
    resource: auditedTicket(ticket),
    detail
  })
}

function auditedTicket({ ticketId }: StoredTicket): { readonly type: string; readonly id: string } {
  return { type: 'ticket', id: ticketId }
}
