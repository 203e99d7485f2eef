import { allOf, anyOf, owner, role, scope } from '@sallyport/authorization'

/** Their own for customers, all for administrators. */
const ownOrAdmin = anyOf(role('ADMIN'), allOf(role('CUSTOMER'), owner('customerId')))

/** Places orders. */
export const placeOrders = allOf(scope('orders:write'), role('CUSTOMER'))

/** Sees one order; the same policy filters the list. */
export const readOrder = allOf(scope('orders:read'), ownOrAdmin)

/** May ask for the list at all; what is in it, {@link readOrder} says. */
export const listOrders = allOf(scope('orders:read'), role('CUSTOMER', 'ADMIN'))

/** Cancels one order. */
export const cancelOrder = allOf(scope('orders:write'), ownOrAdmin)
