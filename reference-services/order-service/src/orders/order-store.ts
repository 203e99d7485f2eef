import { applyFilter } from '@sallyport/authorization'
import { beginWork, readPage, type BegunWork, type RowPage, type PageQuery } from '@sallyport/service-kit'
import type { Policy, Principal } from '@sallyport/security-context'
import type { Knex } from 'knex'
import type { OrderState } from '../schemas.ts'
import type { StoredOrder } from './order.ts'

const ORDER_COLUMNS = {
  orderId: 'order_id',
  customerId: 'customer_id',
  restaurantId: 'restaurant_id',
  state: 'state',
  ticketId: 'ticket_id',
  totalCents: 'total_cents',
  deliveryAddress: 'delivery_address',
  createdAt: 'created_at'
} as const
const NEWEST_ORDERS = { idColumn: ORDER_COLUMNS.orderId, createdAtColumn: ORDER_COLUMNS.createdAt }

/** The lines are in the row of their order, so that a page of orders is one query. */
const ORDER_LINES = `(
  select json_agg(json_build_object('menuItemId', menu_item_id, 'name', name, 'quantity', quantity, 'priceCents', price_cents) order by position)
  from order_lines where order_lines.order_id = orders.order_id
) as lines`

/**
 * Stores a new order with its lines.
 * @param begun what recovery has to finish if nobody else does; `null` for an order in its final state
 */
export async function insertOrder(trx: Knex, order: StoredOrder, begun: BegunWork | null): Promise<void> {
  await trx('orders').insert({
    order_id: order.orderId,
    customer_id: order.customerId,
    restaurant_id: order.restaurantId,
    state: order.state,
    ticket_id: order.ticketId,
    total_cents: order.totalCents,
    delivery_address: order.deliveryAddress,
    created_at: order.createdAt,
    ...(begun !== null && { begun: 'place', ...beginWork(trx, begun) })
  })
  await trx('order_lines').insert(
    order.lines.map((line, position) => ({
      order_id: order.orderId,
      position,
      menu_item_id: line.menuItemId,
      name: line.name,
      quantity: line.quantity,
      price_cents: line.priceCents
    }))
  )
}

/** One order, for any caller; `null` when there is none. */
export async function findOrder(db: Knex, orderId: string): Promise<StoredOrder | null> {
  const order: StoredOrder | undefined = await db('orders')
    .where({ order_id: orderId })
    .select(ORDER_COLUMNS, db.raw(ORDER_LINES))
    .first()
  return order ?? null
}

/** The orders that the policy lets the principal see, newest first; the policy is part of the SQL. */
export async function findOrders(
  db: Knex,
  policy: Policy,
  principal: Principal,
  page: PageQuery
): Promise<RowPage<StoredOrder>> {
  const query = db('orders').select(ORDER_COLUMNS, db.raw(ORDER_LINES))
  return readPage<StoredOrder>(applyFilter(query, policy, principal, { columns: ORDER_COLUMNS }), NEWEST_ORDERS, page)
}

/**
 * Moves an order on, if it is still in one of the states `from`; `null` when somebody else was faster. This finishes
 * what was begun, except that approving an order does not finish a cancellation that has begun in the meantime.
 */
export async function changeState(
  trx: Knex,
  orderId: string,
  from: readonly OrderState[],
  to: { readonly state: OrderState; readonly ticketId: string | null }
): Promise<StoredOrder | null> {
  const finished =
    to.state === 'APPROVED'
      ? {
          begun: trx.raw("nullif(begun, 'place')"),
          recover_after: trx.raw("case begun when 'cancel' then recover_after end")
        }
      : { begun: null, recover_after: null }
  const changed = await trx('orders')
    .where({ order_id: orderId })
    .whereIn('state', [...from])
    .update({ state: to.state, ticket_id: to.ticketId, ...finished })
  return changed === 1 ? findOrder(trx, orderId) : null
}
