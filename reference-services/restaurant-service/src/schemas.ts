import { Cursor, Id, Instant, lineOfText } from '@sallyport/service-kit'
import Type, { type Static } from 'typebox'

const PriceCents = Type.Integer({ minimum: 0, maximum: 100_000 })
const TicketQuantity = Type.Integer({ minimum: 1, maximum: 99 })

/** A restaurant in the list. */
export const RestaurantSchema = Type.Object({ restaurantId: Id, name: Type.String() }, { additionalProperties: false })

/** All restaurants, by name. */
export const RestaurantListSchema = Type.Object(
  { restaurants: Type.Array(RestaurantSchema) },
  { additionalProperties: false }
)

/** An item of a menu. */
export const MenuItemSchema = Type.Object(
  { menuItemId: Id, name: lineOfText(80), priceCents: PriceCents },
  { additionalProperties: false }
)

/** The menu of a restaurant, in its own order. */
export const MenuSchema = Type.Object(
  { restaurantId: Id, items: Type.Array(MenuItemSchema) },
  { additionalProperties: false }
)

/** A new menu as a whole. An item keeps its identity by its id; an item without one is new. */
export const NewMenuSchema = Type.Object(
  {
    items: Type.Array(
      Type.Object(
        { menuItemId: Type.Optional(Id), name: lineOfText(80), priceCents: PriceCents },
        { additionalProperties: false }
      ),
      { maxItems: 200 }
    )
  },
  { additionalProperties: false }
)

/** `OPEN` until the restaurant accepts or order-service withdraws it. */
export const TicketStateSchema = Type.Union([Type.Literal('OPEN'), Type.Literal('ACCEPTED'), Type.Literal('CANCELLED')])

/**
 * What order-service sends to open a ticket: the customer, and the id of the order, which makes the request idempotent.
 */
export const NewTicketSchema = Type.Object(
  {
    orderId: Id,
    customerId: lineOfText(255),
    restaurantId: Id,
    lines: Type.Array(Type.Object({ menuItemId: Id, quantity: TicketQuantity }, { additionalProperties: false }), {
      minItems: 1,
      maxItems: 20
    }),
    deliveryAddress: lineOfText(200)
  },
  { additionalProperties: false }
)

/** A ticket as the kitchen sees it: no price and no customer. `deliveryId` is `null` until a delivery is arranged. */
export const TicketSchema = Type.Object(
  {
    ticketId: Id,
    orderId: Id,
    restaurantId: Id,
    state: TicketStateSchema,
    deliveryId: Type.Union([Id, Type.Null()]),
    lines: Type.Array(
      Type.Object({ menuItemId: Id, name: Type.String(), quantity: TicketQuantity }, { additionalProperties: false })
    ),
    deliveryAddress: Type.String(),
    createdAt: Instant
  },
  { additionalProperties: false }
)

/** A page of tickets, newest first. */
export const TicketPageSchema = Type.Object(
  { tickets: Type.Array(TicketSchema), next: Type.Union([Cursor, Type.Null()]) },
  { additionalProperties: false }
)

/** Path parameters of one restaurant. */
export const RestaurantParametersSchema = Type.Object({ restaurantId: Id }, { additionalProperties: false })

/** Path parameters of one ticket. */
export const TicketParametersSchema = Type.Object({ ticketId: Id }, { additionalProperties: false })

/** Path parameters of the ticket of an order. */
export const TicketOfOrderParametersSchema = Type.Object({ orderId: Id }, { additionalProperties: false })

export type NewMenu = Static<typeof NewMenuSchema>
export type MenuItem = Static<typeof MenuItemSchema>
export type NewTicket = Static<typeof NewTicketSchema>
export type TicketState = Static<typeof TicketStateSchema>
