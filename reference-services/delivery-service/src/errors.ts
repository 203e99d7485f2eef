import createError from '@fastify/error'

/** The ticket or the order has a different delivery. */
export const DeliveryExistsError = createError(
  'SALLYPORT_DELIVERY_EXISTS',
  'There is another delivery for this ticket or order',
  409
)

/** The delivery is in a state that does not allow this: another courier was faster, or a step is missing. */
export const DeliveryStateError = createError(
  'SALLYPORT_DELIVERY_STATE',
  'The delivery is in a state that does not allow this',
  409
)
