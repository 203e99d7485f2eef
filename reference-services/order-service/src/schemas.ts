import { Cursor, Id, Instant, lineOfText } from '@sallyport/service-kit'
import Type, { type Static } from 'typebox'

const OrderedQuantity = Type.Integer({ minimum: 1, maximum: 99 })

/** What a customer sends: never a price, an owner or a state, which this service sets. */
export const NewOrderSchema = Type.Object(
  {
    restaurantId: Id,
    lines: Type.Array(Type.Object({ menuItemId: Id, quantity: OrderedQuantity }, { additionalProperties: false }), {
      minItems: 1,
      maxItems: 20
    }),
    deliveryAddress: lineOfText(200)
  },
  { additionalProperties: false }
)

/** A line as sold: name and price are those of the menu at that moment. */
export const OrderLineSchema = Type.Object(
  { menuItemId: Id, name: Type.String(), quantity: OrderedQuantity, priceCents: Type.Integer() },
  { additionalProperties: false }
)

/** `APPROVAL_PENDING`: this service does not know whether the restaurant has a ticket for it. */
export const OrderStateSchema = Type.Union([
  Type.Literal('APPROVAL_PENDING'),
  Type.Literal('APPROVED'),
  Type.Literal('REJECTED'),
  Type.Literal('CANCELLED')
])

/** An order as its readers see it. */
export const OrderSchema = Type.Object(
  {
    orderId: Id,
    customerId: Type.String(),
    restaurantId: Id,
    state: OrderStateSchema,
    ticketId: Type.Union([Id, Type.Null()]),
    lines: Type.Array(OrderLineSchema),
    totalCents: Type.Integer(),
    deliveryAddress: Type.String(),
    createdAt: Instant
  },
  { additionalProperties: false }
)

/** A page of orders, newest first. */
export const OrderPageSchema = Type.Object(
  { orders: Type.Array(OrderSchema), next: Type.Union([Cursor, Type.Null()]) },
  { additionalProperties: false }
)

/** Path parameters of one order. */
export const OrderParametersSchema = Type.Object({ orderId: Id }, { additionalProperties: false })

export type NewOrder = Static<typeof NewOrderSchema>
export type OrderLine = Static<typeof OrderLineSchema>
export type OrderState = Static<typeof OrderStateSchema>
