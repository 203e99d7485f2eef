import { Cursor, Id, Instant, lineOfText } from '@sallyport/service-kit'
import Type, { type Static } from 'typebox'

/** `SCHEDULED` deliveries are offered to every courier; the one who accepts moves it through the later states. */
export const DeliveryStateSchema = Type.Union([
  Type.Literal('SCHEDULED'),
  Type.Literal('ACCEPTED'),
  Type.Literal('PICKED_UP'),
  Type.Literal('DELIVERED')
])

/**
 * What restaurant-service sends to open a delivery; the ticket's id makes it idempotent. Tickets from before customers
 * were stored have none.
 */
export const NewDeliverySchema = Type.Object(
  {
    ticketId: Id,
    orderId: Id,
    customerId: Type.Optional(lineOfText(255)),
    restaurantId: Id,
    deliveryAddress: lineOfText(200)
  },
  { additionalProperties: false }
)

/** A delivery, without whose order it is. `courierId` is `null` while it is offered. */
export const DeliverySchema = Type.Object(
  {
    deliveryId: Id,
    ticketId: Id,
    orderId: Id,
    restaurantId: Id,
    state: DeliveryStateSchema,
    courierId: Type.Union([Type.String(), Type.Null()]),
    deliveryAddress: Type.String(),
    createdAt: Instant
  },
  { additionalProperties: false }
)

/** A page of deliveries, newest first. */
export const DeliveryPageSchema = Type.Object(
  { deliveries: Type.Array(DeliverySchema), next: Type.Union([Cursor, Type.Null()]) },
  { additionalProperties: false }
)

/** Path parameters of one delivery. */
export const DeliveryParametersSchema = Type.Object({ deliveryId: Id }, { additionalProperties: false })

/** Path parameters of the delivery of an order. */
export const DeliveryOfOrderParametersSchema = Type.Object({ orderId: Id }, { additionalProperties: false })

export type NewDelivery = Static<typeof NewDeliverySchema>
export type DeliveryState = Static<typeof DeliveryStateSchema>
