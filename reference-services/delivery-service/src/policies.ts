import { actor, allOf, anyOf, attribute, client, owner, role, scope } from '@sallyport/authorization'

const offered = allOf(attribute('state', 'SCHEDULED'), attribute('courierId', null))
const assigned = owner('courierId')

/** Who sees a delivery: couriers those that are offered or theirs, administrators all. Filters the list. */
export const mayReadDelivery = allOf(
  scope('deliveries:read'),
  anyOf(role('ADMIN'), allOf(role('COURIER'), anyOf(offered, assigned)))
)

/** Who sees the delivery of an order: whose order it is as well. */
export const mayReadDeliveryOfOrder = allOf(
  scope('deliveries:read'),
  anyOf(role('ADMIN'), allOf(role('CUSTOMER'), owner('customerId')), allOf(role('COURIER'), anyOf(offered, assigned)))
)

/** Who may read the list at all; {@link mayReadDelivery} decides what is in it. */
export const mayListDeliveries = allOf(scope('deliveries:read'), role('COURIER', 'ADMIN'))

/** Who accepts an offered delivery; also their own, so that a repeated call succeeds. */
export const mayAcceptDelivery = allOf(scope('deliveries:write'), role('COURIER'), anyOf(offered, assigned))

/** Who moves a delivery on: its courier. */
export const mayCarryDelivery = allOf(scope('deliveries:write'), role('COURIER'), assigned)

/**
 * Who opens deliveries: restaurant-service in the name of somebody who may write restaurants, and its recovery, which
 * has no caller and alone has the scope `deliveries:recover`.
 */
export const mayOpenDelivery = anyOf(
  allOf(actor('restaurant-service'), scope('restaurants:write'), role('RESTAURANT', 'ADMIN')),
  allOf(client('restaurant-service'), scope('deliveries:recover'))
)
