import { DEMO_ORDERS, demoSubject, type ServiceDemoFacts } from '@sallyport/service-kit/demo'
import type { Knex } from 'knex'
import { insertDelivery } from './deliveries/delivery-store.ts'

/**
 * Adds the deliveries of the demo; existing ones stay unchanged.
 * @param db pool of the database's owner
 */
export async function seedDemo(db: Knex, facts: ServiceDemoFacts): Promise<void> {
  await db.transaction(async trx => {
    for (const { customer, restaurant, delivery, ...order } of DEMO_ORDERS) {
      if (delivery === null) continue
      const { orderId, ticketId, deliveryId, deliveryAddress, createdAt } = order
      const courierId = delivery.courier === null ? null : demoSubject(facts, delivery.courier)
      await insertDelivery(trx, {
        deliveryId,
        ticketId,
        orderId,
        customerId: demoSubject(facts, customer),
        restaurantId: restaurant.restaurantId,
        state: delivery.state,
        courierId,
        deliveryAddress,
        createdAt
      })
    }
  })
}
