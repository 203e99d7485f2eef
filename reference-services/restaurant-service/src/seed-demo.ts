import { grantAccess } from '@sallyport/authorization'
import { DEMO_ORDERS, DEMO_RESTAURANTS, demoSubject, type ServiceDemoFacts } from '@sallyport/service-kit/demo'
import type { Knex } from 'knex'
import { findRestaurant, storeMenu } from './restaurants/restaurant-store.ts'
import { insertTicket } from './tickets/ticket-store.ts'

/**
 * Adds restaurants, menus, managers and tickets of the demo; existing ones stay unchanged.
 * @param db pool of the database's owner
 */
export async function seedDemo(db: Knex, facts: ServiceDemoFacts): Promise<void> {
  await db.transaction(async trx => {
    for (const { restaurantId, name, manager, items } of DEMO_RESTAURANTS) {
      if ((await findRestaurant(trx, restaurantId)) !== null) continue
      await trx('restaurants').insert({ restaurant_id: restaurantId, name })
      await storeMenu(trx, restaurantId, items)
      await grantAccess(trx, {
        issuer: facts.issuer,
        subject: demoSubject(facts, manager),
        resourceType: 'restaurant',
        resourceId: restaurantId,
        permission: 'manage'
      })
    }
    for (const {
      orderId,
      customer,
      ticketId,
      deliveryId,
      restaurant,
      quantity,
      ticket: state,
      delivery,
      deliveryAddress,
      createdAt
    } of DEMO_ORDERS) {
      if (state === null) continue
      const lines = restaurant.items.slice(0, 2).map(({ menuItemId, name }) => ({ menuItemId, name, quantity }))
      await insertTicket(trx, {
        ticketId,
        orderId,
        customerId: demoSubject(facts, customer),
        restaurantId: restaurant.restaurantId,
        state,
        deliveryId: delivery === null ? null : deliveryId,
        lines,
        deliveryAddress,
        createdAt
      })
    }
  })
}
