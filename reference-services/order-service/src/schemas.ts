import { Id, Instant, lineOfText } from '@sallyport/chassis'
import Type, { type Static } from 'typebox'

const Quantity = Type.Integer({ minimum: 1, maximum: 99 })

/** What a customer sends: never a price, an owner or a state, which are ours to say. */
export const NewOrder = Type.Object({
  restaurantId: Id,
  lines: Type.Array(Type.Object({ menuItemId: Id, quantity: Quantity }, { additionalProperties: false }), { minItems: 1, maxItems: 20 }),
  deliveryAddress: lineOfText(200)
}, { additionalProperties: false })

/** A line as it was sold: name and price are those of the menu at that moment. */
export const OrderLine = Type.Object({ menuItemId: Id, name: Type.String(), quantity: Quantity, priceCents: Type.Integer() }, { additionalProperties: false })

/** `APPROVAL_PENDING` means: it is not known here whether the restaurant has a ticket for it. */
export const OrderState = Type.Union([Type.Literal('APPROVAL_PENDING'), Type.Literal('APPROVED'), Type.Literal('REJECTED'), Type.Literal('CANCELLED')])

/** An order as its readers see it. */
export const Order = Type.Object({
  orderId: Id,
  customerId: Type.String(),
  restaurantId: Id,
  state: OrderState,
  ticketId: Type.Union([Id, Type.Null()]),
  lines: Type.Array(OrderLine),
  totalCents: Type.Integer(),
  deliveryAddress: Type.String(),
  createdAt: Instant
}, { additionalProperties: false })

/** A page of orders, newest first. */
export const OrderPage = Type.Object({ orders: Type.Array(Order), next: Type.Union([Id, Type.Null()]) }, { additionalProperties: false })

/** Path parameters of one order. */
export const OrderParameters = Type.Object({ orderId: Id }, { additionalProperties: false })

export type NewOrder = Static<typeof NewOrder>
export type OrderLine = Static<typeof OrderLine>
export type OrderState = Static<typeof OrderState>
