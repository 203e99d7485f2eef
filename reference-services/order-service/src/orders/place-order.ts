import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import { OrderItemUnknownError, OrderRejectedError, OrderRestaurantUnknownError } from '../errors.ts'
import type { NewOrder, OrderLine } from '../schemas.ts'
import { neverArrived } from './never-arrived.ts'
import { totalOfLines, type StoredOrder } from './order.ts'
import type { OfferedItem, TicketAnswer } from './restaurant-client.ts'
import { auditedOrder, rejectOrder, storeTicketAnswer, type OrderCollaborators } from './settle-order.ts'

/**
 * Places an order at the prices of the menu. It is stored before the restaurant is asked, so that there is never a
 * ticket for an unknown order. Each step commits with its audit row.
 *
 * The stored state is what this service knows. A restaurant that refuses, or cannot be reached, makes the order
 * REJECTED. When an answer is lost, there may be a ticket: the order stays APPROVAL_PENDING until recovery has asked
 * again, or until it is cancelled, which withdraws the ticket.
 * @throws `SALLYPORT_ORDER_RESTAURANT_UNKNOWN`, `SALLYPORT_ORDER_ITEM_UNKNOWN`, `SALLYPORT_ORDER_REJECTED`, what
 * `restaurants` throws
 */
export async function placeOrder(
  collaborators: OrderCollaborators,
  customerId: string,
  wanted: NewOrder
): Promise<StoredOrder> {
  const { db, restaurants, writes, auditEffect, key, begun } = collaborators
  const menu = await restaurants.readMenu(wanted.restaurantId)
  if (menu === null) throw new OrderRestaurantUnknownError()
  const lines = sellLines(menu, wanted.lines)
  const { restaurantId, deliveryAddress } = wanted
  const order: StoredOrder = {
    orderId: randomUUID(),
    customerId,
    restaurantId,
    state: 'APPROVAL_PENDING',
    ticketId: null,
    lines,
    totalCents: totalOfLines(lines),
    deliveryAddress,
    createdAt: new Date()
  }
  const after = { state: order.state, restaurantId, totalCents: order.totalCents, lines: lines.length }
  const event = { action: 'order.place', outcome: 'success', resource: auditedOrder(order), detail: { after } } as const
  const store = (at: Knex): Promise<boolean> => auditEffect(at, event, row => writes.insert(at, { order, begun }, row))
  if (key === null) await store(db)
  else {
    await db.transaction(async trx => {
      await key.claim(trx, order.orderId)
      await store(trx)
    })
  }
  const settled = await storeTicketAnswer(collaborators, order, await askForTicket(collaborators, order))
  if (settled.state === 'REJECTED') throw new OrderRejectedError()
  return settled
}

function sellLines(menu: readonly OfferedItem[], wanted: NewOrder['lines']): OrderLine[] {
  const items = new Map(menu.map(item => [item.menuItemId, item]))
  return wanted.map(({ menuItemId, quantity }) => {
    const item = items.get(menuItemId)
    if (item === undefined) throw new OrderItemUnknownError()
    return { menuItemId, name: item.name, quantity, priceCents: item.priceCents }
  })
}

async function askForTicket(collaborators: OrderCollaborators, order: StoredOrder): Promise<TicketAnswer> {
  try {
    return await collaborators.restaurants.openTicket(order)
  } catch (error) {
    if (neverArrived(error)) await rejectOrder(collaborators, order, 'restaurant-unreachable')
    throw error
  }
}
