import { allOf, anyOf, owner, role, scope } from '@sallyport/authorization'

/** Their own for customers, all for administrators. */
const ownOrAdmin = anyOf(role('ADMIN'), allOf(role('CUSTOMER'), owner('customerId')))

/** Places orders. */
export const mayPlaceOrders = allOf(scope('orders:write'), role('CUSTOMER'))

/** Sees one order; the same policy filters the list. */
export const mayReadOrder = allOf(scope('orders:read'), ownOrAdmin)

/** May ask for the list at all; what is in it, {@link mayReadOrder} says. */
export const mayListOrders = allOf(scope('orders:read'), role('CUSTOMER', 'ADMIN'))

/** Cancels one order. */
export const mayCancelOrder = allOf(scope('orders:write'), ownOrAdmin)
