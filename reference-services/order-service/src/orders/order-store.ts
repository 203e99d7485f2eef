import type { AuditRecord } from '@sallyport/audit-log'
import { applyFilter } from '@sallyport/authorization'
import { readPage, type RowPage, type PageQuery } from '@sallyport/service-kit'
import type { Policy, Principal } from '@sallyport/security-context'
import type { Knex } from 'knex'
import type { StoredOrder } from './order.ts'
import { changeStates, insertOrders, type NewStoredOrder, type StateChange } from './order-statements.ts'

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
 * Stores a new order with its lines and its audit row.
 * @param row `null` for an order of the demo
 */
export async function insertOrder(db: Knex, placed: NewStoredOrder, row: AuditRecord | null): Promise<boolean> {
  return (await insertOrders(db, [{ effect: placed, row }])).has(0)
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

/** Moves an order on with its audit row, if it is still in one of the states; `false`: somebody else was faster. */
export async function changeState(db: Knex, change: StateChange, row: AuditRecord): Promise<boolean> {
  return (await changeStates(db, [{ effect: change, row }])).has(0)
}
