import type { Static } from 'typebox'
import type { Ticket } from '../schemas.ts'
import type { StoredTicket } from '../tickets/ticket-store.ts'

/** A ticket as it is answered. */
export function shownTicket ({ lines, createdAt, ...ticket }: StoredTicket): Static<typeof Ticket> {
  return { ...ticket, lines: [...lines], createdAt: createdAt.toISOString() }
}
