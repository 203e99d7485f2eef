import { acl, actor, allOf, anyOf, attribute, client, owner, role, scope } from '@sallyport/authorization'

/** Restaurant users with an access control entry for the restaurant, and administrators. */
const manager = anyOf(role('ADMIN'), allOf(role('RESTAURANT'), acl('restaurant', 'manage', 'restaurantId')))

/** order-service in the name of somebody who may write orders. */
const orderService = allOf(actor('order-service'), scope('orders:write'))

/** The ticket is for an order of the one in whose name it is asked, or an administrator asks. */
const ofTheirOrder = anyOf(role('ADMIN'), allOf(role('CUSTOMER'), owner('customerId')))

/** order-service itself, without a caller: only its recovery has this scope. */
const orderRecovery = allOf(client('order-service'), scope('tickets:recover'))

/** Sees restaurants and menus. */
export const mayReadRestaurants = scope('restaurants:read')

/** Changes a menu, accepts a ticket. */
export const mayManageRestaurant = allOf(scope('restaurants:write'), manager)

/** Sees the tickets of a restaurant. */
export const mayReadTickets = allOf(scope('restaurants:read'), manager)

/** Opens the ticket of an order: order-service for the customer whose order it is, and its recovery. */
export const mayOpenTicket = anyOf(allOf(orderService, ofTheirOrder), orderRecovery)

/**
 * Withdraws a ticket: order-service for the customer whose order it is for, and its recovery. Of a ticket from before
 * customers were kept nobody knows whose it is.
 */
export const mayCancelTicket = anyOf(
  allOf(orderService, anyOf(ofTheirOrder, allOf(role('CUSTOMER'), attribute('customerId', null)))),
  orderRecovery
)
