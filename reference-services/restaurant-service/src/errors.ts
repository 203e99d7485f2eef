import createError from '@fastify/error'

/** A ticket names a restaurant that does not exist. */
export const RestaurantUnknownError = createError('SALLYPORT_RESTAURANT_UNKNOWN', 'There is no such restaurant', 404)

/** A ticket names something that is not on the menu. */
export const MenuItemUnknownError = createError(
  'SALLYPORT_RESTAURANT_ITEM_UNKNOWN',
  'A line is not on the menu of this restaurant',
  409
)

/** Two items of a new menu have the same id, or an id is that of another restaurant's item. */
export const MenuItemTakenError = createError(
  'SALLYPORT_RESTAURANT_ITEM_TAKEN',
  'An item of the menu has an id that is taken',
  409
)

/** The order has a ticket at another restaurant, or for another customer. */
export const TicketExistsError = createError('SALLYPORT_RESTAURANT_TICKET_EXISTS', 'The order has another ticket', 409)

/** The ticket is in a state that does not allow this. */
export const TicketStateError = createError('SALLYPORT_RESTAURANT_TICKET_STATE', 'The ticket is no longer open', 409)

/** delivery-service gave an unexpected answer; the ticket is accepted, and accepting it again asks again. */
export const DeliveryFailedError = createError(
  'SALLYPORT_RESTAURANT_DELIVERY_FAILED',
  'The delivery could not be arranged',
  502
)

/** delivery-service says that it cannot answer now; the ticket is accepted, and accepting it again asks again. */
export class DeliveryUnavailableError extends createError<[]>(
  'SALLYPORT_RESTAURANT_DELIVERY_UNAVAILABLE',
  'The delivery could not be arranged',
  503
) {
  readonly headers = Object.freeze({ 'retry-after': '5' })
}
