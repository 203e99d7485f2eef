import { DEMO_ORDERS, demoSubject, type ServiceDemoFacts } from '@sallyport/service-kit/demo'
import type { Knex } from 'knex'
import { totalOfLines } from './orders/order.ts'
import { findOrder, insertOrder } from './orders/order-store.ts'

/**
 * Adds the orders of the demo; existing ones stay unchanged.
 * @param db pool of the database's owner
 */
export async function seedDemo(db: Knex, facts: ServiceDemoFacts): Promise<void> {
  await db.transaction(async trx => {
    for (const {
      orderId,
      customer,
      restaurant,
      quantity,
      order: state,
      ticket,
      ticketId,
      deliveryAddress,
      createdAt
    } of DEMO_ORDERS) {
      if ((await findOrder(trx, orderId)) !== null) continue
      const lines = restaurant.items.slice(0, 2).map(item => ({ ...item, quantity }))
      const order = {
        orderId,
        customerId: demoSubject(facts, customer),
        restaurantId: restaurant.restaurantId,
        state,
        ticketId: ticket === null ? null : ticketId,
        lines,
        totalCents: totalOfLines(lines),
        deliveryAddress,
        createdAt
      }
      await insertOrder(trx, { order, begun: null }, null)
    }
  })
}
