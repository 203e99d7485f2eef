import { acl, actor, allOf, anyOf, attribute, client, owner, role, scope } from '@sallyport/authorization'

/** Restaurant users with an access control entry for the restaurant, and administrators. */
const manager = anyOf(role('ADMIN'), allOf(role('RESTAURANT'), acl('restaurant', 'manage', 'restaurantId')))

/** order-service in the name of somebody who may write orders. */
const orderService = allOf(actor('order-service'), scope('orders:write'))

/** The ticket is for an order of the user of this request, or the user is an administrator. */
const ofTheirOrder = anyOf(role('ADMIN'), allOf(role('CUSTOMER'), owner('customerId')))

/** order-service itself, without a caller: only its recovery has this scope. */
const orderRecovery = allOf(client('order-service'), scope('tickets:recover'))

/** Who sees restaurants and menus. */
export const mayReadRestaurants = scope('restaurants:read')

/** Who changes a menu and accepts a ticket. */
export const mayManageRestaurant = allOf(scope('restaurants:write'), manager)

/** Who sees the tickets of a restaurant. */
export const mayReadTickets = allOf(scope('restaurants:read'), manager)

/** Who sees the ticket of an order: its restaurant, and whose order it is. */
export const mayReadTicketOfOrder = allOf(scope('restaurants:read'), anyOf(manager, ofTheirOrder))

/** Who opens the ticket of an order: order-service for the customer of the order, and its recovery. */
export const mayOpenTicket = anyOf(allOf(orderService, ofTheirOrder), orderRecovery)

/**
 * Who withdraws a ticket: order-service for the customer of the order, and its recovery. Tickets from before customers
 * were stored have no known customer.
 */
export const mayCancelTicket = anyOf(
  allOf(orderService, anyOf(ofTheirOrder, allOf(role('CUSTOMER'), attribute('customerId', null)))),
  orderRecovery
)
