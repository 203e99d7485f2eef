import { Id, Instant, lineOfText } from '@sallyport/chassis'
import Type, { type Static } from 'typebox'

const PriceCents = Type.Integer({ minimum: 0, maximum: 100_000 })
const Quantity = Type.Integer({ minimum: 1, maximum: 99 })

/** A restaurant in the list. */
export const Restaurant = Type.Object({ restaurantId: Id, name: Type.String() }, { additionalProperties: false })

/** All restaurants, by name. */
export const RestaurantList = Type.Object({ restaurants: Type.Array(Restaurant) }, { additionalProperties: false })

/** An item of a menu. */
export const MenuItem = Type.Object({ menuItemId: Id, name: lineOfText(80), priceCents: PriceCents }, { additionalProperties: false })

/** The menu of a restaurant, in the restaurant's order. */
export const Menu = Type.Object({ restaurantId: Id, items: Type.Array(MenuItem) }, { additionalProperties: false })

/** A new menu as a whole. An item keeps its identity by its id; an item without one is new. */
export const NewMenu = Type.Object({
  items: Type.Array(Type.Object({ menuItemId: Type.Optional(Id), name: lineOfText(80), priceCents: PriceCents }, { additionalProperties: false }), { maxItems: 200 })
}, { additionalProperties: false })

/** `OPEN` until the restaurant accepts or order-service withdraws it. */
export const TicketState = Type.Union([Type.Literal('OPEN'), Type.Literal('ACCEPTED'), Type.Literal('CANCELLED')])

/** What order-service sends to open a ticket; the order's id makes it idempotent. */
export const NewTicket = Type.Object({
  orderId: Id,
  restaurantId: Id,
  lines: Type.Array(Type.Object({ menuItemId: Id, quantity: Quantity }, { additionalProperties: false }), { minItems: 1, maxItems: 20 }),
  deliveryAddress: lineOfText(200)
}, { additionalProperties: false })

/** A ticket as the kitchen sees it: no price and no customer. `deliveryId` is `null` until a delivery is arranged. */
export const Ticket = Type.Object({
  ticketId: Id,
  orderId: Id,
  restaurantId: Id,
  state: TicketState,
  deliveryId: Type.Union([Id, Type.Null()]),
  lines: Type.Array(Type.Object({ menuItemId: Id, name: Type.String(), quantity: Quantity }, { additionalProperties: false })),
  deliveryAddress: Type.String(),
  createdAt: Instant
}, { additionalProperties: false })

/** A page of tickets, newest first. */
export const TicketPage = Type.Object({ tickets: Type.Array(Ticket), next: Type.Union([Id, Type.Null()]) }, { additionalProperties: false })

/** Path parameters of one restaurant. */
export const RestaurantParameters = Type.Object({ restaurantId: Id }, { additionalProperties: false })

/** Path parameters of one ticket. */
export const TicketParameters = Type.Object({ ticketId: Id }, { additionalProperties: false })

export type NewMenu = Static<typeof NewMenu>
export type MenuItem = Static<typeof MenuItem>
export type NewTicket = Static<typeof NewTicket>
export type TicketState = Static<typeof TicketState>
