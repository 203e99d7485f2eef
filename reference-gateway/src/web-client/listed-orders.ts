import { isJsonObject, type JsonObject } from '@sallyport/security-context/mechanics'
import type { WebClientTexts } from './texts.ts'

/** A restaurant that food is ordered from. */
export interface ListedRestaurant {
  readonly restaurantId: string
  readonly name: string
}

/** A dish. */
export interface ListedDish {
  readonly menuItemId: string
  readonly name: string
  readonly priceCents: number
}

/** An order as its customer sees it. */
export interface ListedOrder {
  readonly orderId: string
  readonly state: string
  readonly totalCents: number
  readonly deliveryAddress: string
  readonly lines: ReadonlyArray<{ readonly name: string; readonly quantity: number }>
}

const STATE_TEXTS: Readonly<Record<string, keyof WebClientTexts>> = {
  APPROVAL_PENDING: 'statePending',
  APPROVED: 'stateApproved',
  REJECTED: 'stateRejected',
  CANCELLED: 'stateCancelled'
}

/** What the state of an order is in words; one that is new here is told as it is. */
export function stateText(texts: WebClientTexts, state: string): string {
  const text = STATE_TEXTS[state]
  return text === undefined ? state : texts[text]
}

/** Whether nothing comes after this state. */
export const isFinalState = (state: string): boolean => state === 'REJECTED' || state === 'CANCELLED'

/** The restaurants in an answer of `GET /restaurants`. */
export function restaurantsIn(body: JsonObject): ListedRestaurant[] {
  return objectsIn(body.restaurants).map(({ restaurantId, name }) => ({
    restaurantId: textIn(restaurantId),
    name: textIn(name)
  }))
}

/** The dishes in an answer of `GET /restaurants/:restaurantId/menu`. */
export function dishesIn(body: JsonObject): ListedDish[] {
  return objectsIn(body.items).map(({ menuItemId, name, priceCents }) => ({
    menuItemId: textIn(menuItemId),
    name: textIn(name),
    priceCents: numberIn(priceCents)
  }))
}

/** The orders in an answer of `GET /orders`. */
export const ordersIn = (body: JsonObject): ListedOrder[] => objectsIn(body.orders).map(orderIn)

/** The order in an answer of `GET /orders/:orderId`. */
export function orderIn({ orderId, state, totalCents, deliveryAddress, lines }: JsonObject): ListedOrder {
  return {
    orderId: textIn(orderId),
    state: textIn(state),
    totalCents: numberIn(totalCents),
    deliveryAddress: textIn(deliveryAddress),
    lines: objectsIn(lines).map(({ name, quantity }) => ({ name: textIn(name), quantity: numberIn(quantity) }))
  }
}

const objectsIn = (value: unknown): JsonObject[] => (Array.isArray(value) ? value.filter(isJsonObject) : [])
const textIn = (value: unknown): string => (typeof value === 'string' ? value : '')
const numberIn = (value: unknown): number => (typeof value === 'number' ? value : 0)
