import type { Recovered } from '@sallyport/service-kit'
import { arrangeDelivery, type AcceptCollaborators } from './accept-ticket.ts'
import { findTicket } from './ticket-store.ts'

/** Tickets with unfinished work: accepted, but without a delivery. */
export const UNFINISHED_TICKETS = { table: 'tickets', idColumn: 'ticket_id' } as const

/**
 * Arranges the delivery of an accepted ticket without one; the id of the ticket is the idempotency key.
 * @throws what `openDelivery` throws; then the ticket stays unchanged for a later run
 */
export async function recoverTicket(collaborators: AcceptCollaborators, ticketId: string): Promise<Recovered> {
  const ticket = await findTicket(collaborators.db, { ticketId })
  if (ticket === null || ticket.state !== 'ACCEPTED' || ticket.deliveryId !== null) return 'settled'
  await arrangeDelivery(collaborators, ticket)
  return 'finished'
}
