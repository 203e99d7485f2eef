import { auditedEffects } from '@sallyport/audit-log'
import type { BegunWork } from '@sallyport/service-kit'
import type { OrderState } from '../schemas.ts'
import type { StoredOrder } from './order.ts'

/** A new order, and what recovery has to finish if nobody else does; `null` for an order in its final state. */
export interface NewStoredOrder {
  readonly order: StoredOrder
  readonly begun: BegunWork | null
}

/** The lines go along as JSON: an order has any number of them. */
export const insertOrders = auditedEffects<NewStoredOrder>({
  name: 'order-service-insert',
  columns: {
    order_id: 'uuid',
    customer_id: 'text',
    restaurant_id: 'uuid',
    state: 'text',
    ticket_id: 'uuid',
    total_cents: 'text',
    delivery_address: 'text',
    created_at: 'timestamptz',
    begun: 'text',
    recover_after_ms: 'text',
    begun_txn: 'text',
    lines: 'text'
  },
  effects: `inserted as (
      insert into orders (order_id, customer_id, restaurant_id, state, ticket_id, total_cents, delivery_address,
        created_at, begun, recover_after, begun_txn)
      select order_id, customer_id, restaurant_id, state, ticket_id, total_cents::integer, delivery_address,
        created_at, begun, now() + recover_after_ms::bigint * interval '1 ms', begun_txn
      from asked
    ), inserted_lines as (
      insert into order_lines (order_id, position, menu_item_id, name, quantity, price_cents)
      select order_id, line.position, line."menuItemId", line.name, line.quantity, line."priceCents"
      from asked, jsonb_to_recordset(asked.lines::jsonb)
        as line (position integer, "menuItemId" uuid, name text, quantity integer, "priceCents" integer)
    ), effected as (select place from asked)`,
  valuesOf: ({ order, begun }) => [
    order.orderId,
    order.customerId,
    order.restaurantId,
    order.state,
    order.ticketId,
    String(order.totalCents),
    order.deliveryAddress,
    order.createdAt.toISOString(),
    begun === null ? null : 'place',
    begun === null ? null : String(begun.ageMs),
    begun === null ? null : begun.txn,
    JSON.stringify(order.lines.map((line, position) => ({ position, ...line })))
  ]
})

/** Where an order is to move on, from one of these states. */
export interface StateChange {
  readonly orderId: string
  readonly from: readonly OrderState[]
  readonly to: { readonly state: OrderState; readonly ticketId: string | null }
}

const CHANGED_COLUMNS = { order_id: 'uuid', from_states: 'text', state: 'text', ticket_id: 'uuid' } as const
const changedValues = ({ orderId, from, to }: StateChange): ReadonlyArray<string | null> => [
  orderId,
  from.join(' '),
  to.state,
  to.ticketId
]
const MAY_CHANGE = `orders.order_id = asked.order_id and orders.state = any (string_to_array(asked.from_states, ' '))`

/** Finishes what was begun, except that approving an order does not finish a cancellation that has begun meanwhile. */
const changing = (asked: string, which: string): string => `changed as (
      update orders set state = ${asked}.state, ticket_id = ${asked}.ticket_id,
        begun = case when ${asked}.state = 'APPROVED' then nullif(begun, 'place') end,
        recover_after = case when ${asked}.state = 'APPROVED' and begun = 'cancel' then recover_after end
      from ${asked} where ${which}
      returning ${asked}.place
    ), effected as (select place from changed)`

/** Moves an order on, and waits for whoever has it. */
export const changeStates = auditedEffects<StateChange>({
  name: 'order-service-change-state',
  columns: CHANGED_COLUMNS,
  effects: changing('asked', MAY_CHANGE),
  valuesOf: changedValues
})

/**
 * Moves on those orders that nobody has, so that it neither ends in a deadlock nor makes some wait for what holds up
 * another. Of two changes of one order it takes one.
 */
export const changeFreeStates = auditedEffects<StateChange>({
  name: 'order-service-change-states',
  columns: CHANGED_COLUMNS,
  effects: `free as (
      select asked.* from asked join orders on ${MAY_CHANGE} for no key update of orders skip locked
    ), ${changing('free', 'orders.order_id = free.order_id')}`,
  valuesOf: changedValues
})
