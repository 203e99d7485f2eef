import { acl, actor, allOf, anyOf, role, scope } from '@sallyport/authorization'

/** Restaurant users with an access control entry for the restaurant, and administrators. */
const manager = anyOf(role('ADMIN'), allOf(role('RESTAURANT'), acl('restaurant', 'manage', 'restaurantId')))

/** Sees restaurants and menus. */
export const readRestaurants = scope('restaurants:read')

/** Changes a menu, accepts a ticket. */
export const manageRestaurant = allOf(scope('restaurants:write'), manager)

/** Sees the tickets of a restaurant. */
export const readTickets = allOf(scope('restaurants:read'), manager)

/** Opens and withdraws tickets: order-service, in whosever name. */
export const fromOrderService = actor('order-service')
