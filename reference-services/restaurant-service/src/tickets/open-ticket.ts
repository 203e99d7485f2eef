import { randomUUID } from 'node:crypto'
import type { Idempotency } from '@sallyport/idempotency'
import type { RecordAudit } from '@sallyport/service-kit'
import type { Knex } from 'knex'
import { MenuItemUnknownError, RestaurantUnknownError, TicketExistsError } from '../errors.ts'
import { findMenu, findRestaurant } from '../restaurants/restaurant-store.ts'
import type { NewTicket } from '../schemas.ts'
import { findTicket, insertTicket, type StoredTicket } from './ticket-store.ts'

/** The ticket of an order, and whether this call opened it. */
export interface OpenedTicket {
  readonly ticket: StoredTicket
  readonly opened: boolean
}

/** What tickets are opened with. */
export interface OpenTicketCollaborators {
  readonly db: Knex
  readonly audit: RecordAudit
  /** Claimed with the ticket's id; no answer is stored, for whoever asks again wants the ticket as it is by then. */
  readonly key: Idempotency
}

/**
 * Opens the ticket of an order, or returns the one that it has: a caller whose answer was lost asks again.
 * @throws `SALLYPORT_RESTAURANT_UNKNOWN`, `SALLYPORT_RESTAURANT_ITEM_UNKNOWN`, `SALLYPORT_RESTAURANT_TICKET_EXISTS`,
 * what `key` throws
 */
export async function openTicket(collaborators: OpenTicketCollaborators, wanted: NewTicket): Promise<OpenedTicket> {
  const { db, audit, key } = collaborators
  const existing = await findTicket(db, wanted)
  if (existing !== null) return answerExistingTicket(collaborators, existing, wanted)
  const ticket = await ticketFor(db, wanted)
  const opened = await db.transaction(async trx => {
    if (!(await insertTicket(trx, ticket))) return false
    await key.claim(trx, ticket.ticketId)
    const after = { state: ticket.state, orderId: ticket.orderId, restaurantId: ticket.restaurantId }
    await audit(trx, {
      action: 'ticket.open',
      outcome: 'success',
      resource: { type: 'ticket', id: ticket.ticketId },
      detail: { after }
    })
    return true
  })
  if (opened) return { ticket, opened }
  const faster = await findTicket(db, wanted)
  if (faster === null) throw new TicketExistsError()
  return answerExistingTicket(collaborators, faster, wanted)
}

async function ticketFor(
  db: Knex,
  { orderId, customerId, restaurantId, lines, deliveryAddress }: NewTicket
): Promise<StoredTicket> {
  if ((await findRestaurant(db, restaurantId)) === null) throw new RestaurantUnknownError()
  const names = new Map((await findMenu(db, restaurantId)).map(({ menuItemId, name }) => [menuItemId, name]))
  const named = lines.map(({ menuItemId, quantity }) => {
    const name = names.get(menuItemId)
    if (name === undefined) throw new MenuItemUnknownError()
    return { menuItemId, name, quantity }
  })
  const ids = { ticketId: randomUUID(), orderId, customerId, restaurantId, deliveryId: null }
  return { ...ids, state: 'OPEN', lines: named, deliveryAddress, createdAt: new Date() }
}

async function answerExistingTicket(
  { db, audit, key }: OpenTicketCollaborators,
  ticket: StoredTicket,
  wanted: NewTicket
): Promise<OpenedTicket> {
  const isAnothers = ticket.customerId !== null && ticket.customerId !== wanted.customerId
  if (ticket.restaurantId !== wanted.restaurantId || isAnothers) throw new TicketExistsError()
  await db.transaction(async trx => {
    await key.claim(trx, ticket.ticketId)
    await audit(trx, {
      action: 'ticket.open',
      outcome: 'success',
      reason: 'already-open',
      resource: { type: 'ticket', id: ticket.ticketId },
      detail: { after: { state: ticket.state } }
    })
  })
  return { ticket, opened: false }
}
