import { allOf, anyOf, owner, role, scope } from '@sallyport/authorization'

/** Customers see their own orders, administrators all. */
const ownOrAdmin = anyOf(role('ADMIN'), allOf(role('CUSTOMER'), owner('customerId')))

/** Who places orders. */
export const mayPlaceOrders = allOf(scope('orders:write'), role('CUSTOMER'))

/** Who sees one order; the same policy filters the list. */
export const mayReadOrder = allOf(scope('orders:read'), ownOrAdmin)

/** Who may read the list at all; {@link mayReadOrder} decides what is in it. */
export const mayListOrders = allOf(scope('orders:read'), role('CUSTOMER', 'ADMIN'))

/** Who cancels one order. */
export const mayCancelOrder = allOf(scope('orders:write'), ownOrAdmin)
