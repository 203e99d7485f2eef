import type { Static } from 'typebox'
import type { TicketSchema } from '../schemas.ts'
import type { StoredTicket } from '../tickets/ticket-store.ts'

/** A ticket as it is answered: the kitchen need not know whose it is. */
export function shownTicket({
  customerId: _hidden,
  lines,
  createdAt,
  ...ticket
}: StoredTicket): Static<typeof TicketSchema> {
  return { ...ticket, lines: [...lines], createdAt: createdAt.toISOString() }
}
