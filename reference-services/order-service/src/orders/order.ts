import type { OrderLine, OrderState } from '../schemas.ts'

/** An order as it is stored. */
export interface StoredOrder {
  readonly orderId: string
  readonly customerId: string
  readonly restaurantId: string
  readonly state: OrderState
  readonly ticketId: string | null
  readonly lines: readonly OrderLine[]
  readonly totalCents: number
  readonly deliveryAddress: string
  readonly createdAt: Date
}

/** The states in which an order can be cancelled, as far as this service knows: the restaurant decides. */
export const CANCELLABLE: readonly OrderState[] = ['APPROVAL_PENDING', 'APPROVED']

/** The total price of the lines, in cents. */
export function totalOfLines(lines: readonly OrderLine[]): number {
  return lines.reduce((total, { quantity, priceCents }) => total + quantity * priceCents, 0)
}
