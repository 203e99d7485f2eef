import { actor, allOf, anyOf, attribute, client, owner, role, scope } from '@sallyport/authorization'

const offered = allOf(attribute('state', 'SCHEDULED'), attribute('courierId', null))
const assigned = owner('courierId')

/** Sees a delivery: couriers what is offered or theirs, administrators all. Filters the list. */
export const mayReadDelivery = allOf(
  scope('deliveries:read'),
  anyOf(role('ADMIN'), allOf(role('COURIER'), anyOf(offered, assigned)))
)

/** May ask for the list at all; what is in it, {@link mayReadDelivery} says. */
export const mayListDeliveries = allOf(scope('deliveries:read'), role('COURIER', 'ADMIN'))

/** Accepts a delivery that is offered; one's own too, so that a repeated call is answered and not refused. */
export const mayAcceptDelivery = allOf(scope('deliveries:write'), role('COURIER'), anyOf(offered, assigned))

/** Moves one's own delivery on. */
export const mayCarryDelivery = allOf(scope('deliveries:write'), role('COURIER'), assigned)

/**
 * Opens deliveries: restaurant-service in the name of somebody who may write restaurants, and its recovery, which alone
 * has the scope `deliveries:recover` and no caller.
 */
export const mayOpenDelivery = anyOf(
  allOf(actor('restaurant-service'), scope('restaurants:write'), role('RESTAURANT', 'ADMIN')),
  allOf(client('restaurant-service'), scope('deliveries:recover'))
)
