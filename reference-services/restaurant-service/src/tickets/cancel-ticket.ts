import type { RecordAudit } from '@sallyport/service-kit'
import type { Knex } from 'knex'
import { TicketStateError } from '../errors.ts'
import { findTicket, withdrawOpenTicket, type StoredTicket } from './ticket-store.ts'

/**
 * Withdraws an open ticket; a withdrawn ticket stays withdrawn.
 * @throws `SALLYPORT_RESTAURANT_TICKET_STATE` when the restaurant has accepted it
 */
export async function cancelTicket(db: Knex, audit: RecordAudit, { ticketId }: StoredTicket): Promise<StoredTicket> {
  const cancelled = await db.transaction(async trx => {
    const changed = await withdrawOpenTicket(trx, ticketId)
    if (changed !== null) {
      await audit(trx, {
        action: 'ticket.cancel',
        outcome: 'success',
        detail: { before: { state: 'OPEN' }, after: { state: 'CANCELLED' } }
      })
    }
    return changed
  })
  if (cancelled !== null) return cancelled
  const ticket = await findTicket(db, { ticketId })
  if (ticket?.state !== 'CANCELLED') throw new TicketStateError()
  await audit(db, {
    action: 'ticket.cancel',
    outcome: 'success',
    reason: 'already-cancelled',
    detail: { after: { state: ticket.state } }
  })
  return ticket
}
