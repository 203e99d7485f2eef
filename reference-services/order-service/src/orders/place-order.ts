import { randomUUID } from 'node:crypto'
import type { RecordAudit } from '@sallyport/chassis'
import type { Knex } from 'knex'
import { MenuItemUnknownError, OrderRejectedError, RestaurantUnknownError } from '../errors.ts'
import type { NewOrder, OrderLine } from '../schemas.ts'
import { totalOf, type StoredOrder } from './order.ts'
import { changeState, findOrder, insertOrder } from './order-store.ts'
import type { MenuItem, Restaurants, TicketAnswer } from './restaurants.ts'
import { neverArrived } from './never-arrived.ts'

/** What orders are placed and cancelled with. */
export interface OrderCollaborators {
  readonly db: Knex
  readonly restaurants: Restaurants
  readonly audit: RecordAudit
}

/**
 * Places an order: at the menu's prices, stored before the restaurant is asked, so that no ticket is ever open for an
 * order that nobody knows of. Each step commits with its audit row.
 *
 * The stored state is what is known. A restaurant that says no, or was never reached, makes the order REJECTED. When
 * an answer got lost, the ticket may be open: the order stays APPROVAL_PENDING, and cancelling it withdraws the ticket.
 * @throws `SALLYPORT_ORDER_RESTAURANT_UNKNOWN`, `SALLYPORT_ORDER_ITEM_UNKNOWN`, `SALLYPORT_ORDER_REJECTED`, what `restaurants` throws
 */
export async function placeOrder (collaborators: OrderCollaborators, customerId: string, wanted: NewOrder): Promise<StoredOrder> {
  const { db, restaurants, audit } = collaborators
  const menu = await restaurants.readMenu(wanted.restaurantId)
  if (menu === null) throw new RestaurantUnknownError()
  const lines = sell(menu, wanted.lines)
  const { restaurantId, deliveryAddress } = wanted
  const order: StoredOrder = {
    orderId: randomUUID(), customerId, restaurantId, state: 'APPROVAL_PENDING', ticketId: null, lines, totalCents: totalOf(lines), deliveryAddress, createdAt: new Date()
  }
  await db.transaction(async trx => {
    await insertOrder(trx, order)
    const after = { state: order.state, restaurantId, totalCents: order.totalCents, lines: lines.length }
    await audit(trx, { action: 'order.place', outcome: 'success', resource: resourceOf(order), detail: { after } })
  })
  const ticket = await askForTicket(collaborators, order)
  if (ticket.kind === 'opened') return approve(collaborators, order, ticket.ticketId)
  await reject(collaborators, order, 'restaurant-refused')
  throw new OrderRejectedError()
}

function sell (menu: readonly MenuItem[], wanted: NewOrder['lines']): OrderLine[] {
  const items = new Map(menu.map(item => [item.menuItemId, item]))
  return wanted.map(({ menuItemId, quantity }) => {
    const item = items.get(menuItemId)
    if (item === undefined) throw new MenuItemUnknownError()
    return { menuItemId, name: item.name, quantity, priceCents: item.priceCents }
  })
}

async function askForTicket (collaborators: OrderCollaborators, order: StoredOrder): Promise<TicketAnswer> {
  try {
    return await collaborators.restaurants.openTicket(order)
  } catch (error) {
    if (neverArrived(error)) await reject(collaborators, order, 'restaurant-unreachable')
    throw error
  }
}

async function approve ({ db, restaurants, audit }: OrderCollaborators, order: StoredOrder, ticketId: string): Promise<StoredOrder> {
  const approved = await db.transaction(async trx => {
    const changed = await changeState(trx, order.orderId, ['APPROVAL_PENDING'], { state: 'APPROVED', ticketId })
    if (changed !== null) {
      await audit(trx, { action: 'order.approve', outcome: 'success', resource: resourceOf(order), detail: { before: { state: order.state }, after: { state: 'APPROVED', ticketId } } })
    }
    return changed
  })
  if (approved !== null) return approved
  // Cancelled while the restaurant was being asked: the ticket must not outlive the order.
  await restaurants.cancelTicket(ticketId)
  return await findOrder(db, order.orderId) ?? order
}

async function reject ({ db, audit }: OrderCollaborators, order: StoredOrder, reason: string): Promise<void> {
  await db.transaction(async trx => {
    const changed = await changeState(trx, order.orderId, ['APPROVAL_PENDING'], { state: 'REJECTED', ticketId: null })
    if (changed === null) return
    await audit(trx, { action: 'order.reject', outcome: 'failure', reason, resource: resourceOf(order), detail: { before: { state: order.state }, after: { state: 'REJECTED' } } })
  })
}

function resourceOf ({ orderId }: StoredOrder): { type: string, id: string } {
  return { type: 'order', id: orderId }
}
