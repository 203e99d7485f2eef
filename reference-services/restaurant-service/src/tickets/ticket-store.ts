import { beginWork, readPage, type BegunWork, type RowPage, type PageQuery } from '@sallyport/service-kit'
import type { Knex } from 'knex'
import type { TicketState } from '../schemas.ts'

/** A ticket as it is stored. */
export interface StoredTicket {
  readonly ticketId: string
  readonly orderId: string
  /** Whose order it is for; `null` for tickets from before that was stored. */
  readonly customerId: string | null
  readonly restaurantId: string
  readonly state: TicketState
  readonly deliveryId: string | null
  readonly lines: ReadonlyArray<{ readonly menuItemId: string; readonly name: string; readonly quantity: number }>
  readonly deliveryAddress: string
  readonly createdAt: Date
}

const TICKET_COLUMNS = {
  ticketId: 'ticket_id',
  orderId: 'order_id',
  customerId: 'customer_id',
  restaurantId: 'restaurant_id',
  state: 'state',
  deliveryId: 'delivery_id',
  deliveryAddress: 'delivery_address',
  createdAt: 'created_at'
} as const
const NEWEST_TICKETS = { idColumn: TICKET_COLUMNS.ticketId, createdAtColumn: TICKET_COLUMNS.createdAt }
const TICKET_LINES = `(
  select json_agg(json_build_object('menuItemId', menu_item_id, 'name', name, 'quantity', quantity) order by position)
  from ticket_lines where ticket_lines.ticket_id = tickets.ticket_id
) as lines`

/** Stores a ticket with its lines; `false` when the order already has one. */
export async function insertTicket(trx: Knex, ticket: StoredTicket): Promise<boolean> {
  const inserted: unknown[] = await trx('tickets')
    .insert({
      ticket_id: ticket.ticketId,
      order_id: ticket.orderId,
      customer_id: ticket.customerId,
      restaurant_id: ticket.restaurantId,
      state: ticket.state,
      delivery_id: ticket.deliveryId,
      delivery_address: ticket.deliveryAddress,
      created_at: ticket.createdAt
    })
    .onConflict('order_id')
    .ignore()
    .returning('ticket_id')
  if (inserted.length === 0) return false
  await trx('ticket_lines').insert(
    ticket.lines.map((line, position) => ({
      ticket_id: ticket.ticketId,
      position,
      menu_item_id: line.menuItemId,
      name: line.name,
      quantity: line.quantity
    }))
  )
  return true
}

/** One ticket, for any caller; `null` when there is none. */
export async function findTicket(
  db: Knex,
  by: { readonly ticketId: string } | { readonly orderId: string }
): Promise<StoredTicket | null> {
  const where = 'ticketId' in by ? { ticket_id: by.ticketId } : { order_id: by.orderId }
  const ticket: StoredTicket | undefined = await db('tickets')
    .where(where)
    .select(TICKET_COLUMNS, db.raw(TICKET_LINES))
    .first()
  return ticket ?? null
}

/** The tickets of a restaurant, newest first. */
export async function findTickets(db: Knex, restaurantId: string, page: PageQuery): Promise<RowPage<StoredTicket>> {
  const query = db('tickets').where({ restaurant_id: restaurantId }).select(TICKET_COLUMNS, db.raw(TICKET_LINES))
  return readPage<StoredTicket>(query, NEWEST_TICKETS, page)
}

/**
 * Accepts an open ticket, whose delivery is then unfinished work; `null` when it is no longer open.
 */
export async function acceptOpenTicket(trx: Knex, ticketId: string, begun: BegunWork): Promise<StoredTicket | null> {
  return closeTicket(trx, ticketId, { state: 'ACCEPTED', ...beginWork(trx, begun) })
}

/** Withdraws an open ticket; `null` when it is no longer open. */
export async function withdrawOpenTicket(trx: Knex, ticketId: string): Promise<StoredTicket | null> {
  return closeTicket(trx, ticketId, { state: 'CANCELLED' })
}

async function closeTicket(
  trx: Knex,
  ticketId: string,
  to: Readonly<Record<string, unknown>>
): Promise<StoredTicket | null> {
  const changed = await trx('tickets').where({ ticket_id: ticketId, state: 'OPEN' }).update(to)
  return changed === 1 ? findTicket(trx, { ticketId }) : null
}

/** Stores the delivery of an accepted ticket, which finishes it; `false` when it is already stored. */
export async function noteDelivery(trx: Knex, ticketId: string, deliveryId: string): Promise<boolean> {
  const changed = await trx('tickets')
    .where({ ticket_id: ticketId, state: 'ACCEPTED', delivery_id: null })
    .update({ delivery_id: deliveryId, recover_after: null })
  return changed === 1
}
