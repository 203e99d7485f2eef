import type { StoredOrder } from './order.ts'

/** An item of a restaurant's menu. */
export interface OfferedItem {
  readonly menuItemId: string
  readonly name: string
  readonly priceCents: number
}

/**
 * The result of asking for a ticket. `withdrawn`: the order has one that was withdrawn, and gets no other. `refused`:
 * there is none and will be none.
 */
export type TicketAnswer =
  { readonly kind: 'opened' | 'withdrawn'; readonly ticketId: string } | { readonly kind: 'refused' }

/** restaurant-service, called in the caller's name, or by recovery in the name of this service. */
export interface Restaurants {
  /** The menu of a restaurant; `null` when there is no such restaurant. */
  readMenu: (restaurantId: string) => Promise<readonly OfferedItem[] | null>
  /** Opens the ticket of an order, or finds the one that it has. */
  openTicket: (
    order: Pick<StoredOrder, 'orderId' | 'customerId' | 'restaurantId' | 'lines' | 'deliveryAddress'>
  ) => Promise<TicketAnswer>
  /** Withdraws a ticket; `false` when the restaurant has accepted it. */
  cancelTicket: (ticketId: string) => Promise<boolean>
}
