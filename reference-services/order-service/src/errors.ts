import { retryAfter } from '@sallyport/security-context/mechanics'
import createError from '@fastify/error'

/** The order cannot be cancelled: the restaurant has accepted it, or it was rejected. */
export const OrderNotCancellableError = createError(
  'SALLYPORT_ORDER_NOT_CANCELLABLE',
  'The order can no longer be cancelled',
  409
)

/** The restaurant of a new order does not exist. */
export const OrderRestaurantUnknownError = createError(
  'SALLYPORT_ORDER_RESTAURANT_UNKNOWN',
  'There is no such restaurant',
  422
)

/** A line of a new order names something that is not on the restaurant's menu. */
export const OrderItemUnknownError = createError(
  'SALLYPORT_ORDER_ITEM_UNKNOWN',
  'A line is not on the menu of this restaurant',
  422
)

/** The restaurant refused the order, which is stored as REJECTED. */
export const OrderRejectedError = createError(
  'SALLYPORT_ORDER_REJECTED',
  'The restaurant does not take this order',
  409
)

/** restaurant-service gave an unexpected answer: the order, if there is one, is REJECTED or still APPROVAL_PENDING. */
export const RestaurantFailedError = createError(
  'SALLYPORT_ORDER_RESTAURANT_FAILED',
  'The restaurant cannot be reached',
  502
)

/** restaurant-service says that it cannot answer now. */
export class RestaurantUnavailableError extends createError<[]>(
  'SALLYPORT_ORDER_RESTAURANT_UNAVAILABLE',
  'The restaurant cannot be reached',
  503
) {
  readonly headers = retryAfter()
}
