import type { Recovered } from '@sallyport/service-kit'
import { arrangeDelivery, type AcceptCollaborators } from './accept-ticket.ts'
import { findTicket } from './ticket-store.ts'

/** The tickets that hold unfinished work: accepted, and no delivery noted. */
export const UNFINISHED_TICKETS = { table: 'tickets', idColumn: 'ticket_id' } as const

/**
 * Arranges the delivery of an accepted ticket that was left without one: the ticket's id makes that the same question
 * as before.
 * @throws what `openDelivery` throws; then the ticket stays as it is for a later run
 */
export async function recoverTicket(collaborators: AcceptCollaborators, ticketId: string): Promise<Recovered> {
  const ticket = await findTicket(collaborators.db, { ticketId })
  if (ticket === null || ticket.state !== 'ACCEPTED' || ticket.deliveryId !== null) return 'settled'
  await arrangeDelivery(collaborators, ticket)
  return 'finished'
}
