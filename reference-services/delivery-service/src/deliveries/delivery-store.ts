import { applyFilter } from '@sallyport/authorization'
import { readPage, type RowPage, type PageQuery } from '@sallyport/service-kit'
import type { Policy, Principal } from '@sallyport/security-context'
import type { Knex } from 'knex'
import type { DeliveryState } from '../schemas.ts'

/** A delivery as it is stored. */
export interface StoredDelivery {
  readonly deliveryId: string
  readonly ticketId: string
  readonly orderId: string
  /** Whose order it is; `null` for deliveries from before that was stored. */
  readonly customerId: string | null
  readonly restaurantId: string
  readonly state: DeliveryState
  readonly courierId: string | null
  readonly deliveryAddress: string
  readonly createdAt: Date
}

const DELIVERY_COLUMNS = {
  deliveryId: 'delivery_id',
  ticketId: 'ticket_id',
  orderId: 'order_id',
  customerId: 'customer_id',
  restaurantId: 'restaurant_id',
  state: 'state',
  courierId: 'courier_id',
  deliveryAddress: 'delivery_address',
  createdAt: 'created_at'
} as const
const NEWEST_DELIVERIES = { idColumn: DELIVERY_COLUMNS.deliveryId, createdAtColumn: DELIVERY_COLUMNS.createdAt }

/** Stores a delivery; `false` when its ticket or order already has one. */
export async function insertDelivery(trx: Knex, delivery: StoredDelivery): Promise<boolean> {
  const inserted: unknown[] = await trx('deliveries')
    .insert({
      delivery_id: delivery.deliveryId,
      ticket_id: delivery.ticketId,
      order_id: delivery.orderId,
      customer_id: delivery.customerId,
      restaurant_id: delivery.restaurantId,
      state: delivery.state,
      courier_id: delivery.courierId,
      delivery_address: delivery.deliveryAddress,
      created_at: delivery.createdAt
    })
    .onConflict()
    .ignore()
    .returning('delivery_id')
  return inserted.length === 1
}

/** One delivery, for any caller; `null` when there is none. */
export async function findDelivery(
  db: Knex,
  by: { readonly deliveryId: string } | { readonly ticketId: string } | { readonly orderId: string }
): Promise<StoredDelivery | null> {
  const delivery: StoredDelivery | undefined = await db('deliveries')
    .where(deliveryCondition(by))
    .select(DELIVERY_COLUMNS)
    .first()
  return delivery ?? null
}

type DeliveryKey = Parameters<typeof findDelivery>[1]

function deliveryCondition(by: DeliveryKey): Readonly<Record<string, string>> {
  if ('deliveryId' in by) return { delivery_id: by.deliveryId }
  return 'ticketId' in by ? { ticket_id: by.ticketId } : { order_id: by.orderId }
}

/** The deliveries that the policy lets the principal see, newest first; the policy is part of the SQL. */
export async function findDeliveries(
  db: Knex,
  policy: Policy,
  principal: Principal,
  page: PageQuery
): Promise<RowPage<StoredDelivery>> {
  const query = db('deliveries').select(DELIVERY_COLUMNS)
  return readPage<StoredDelivery>(
    applyFilter(query, policy, principal, { columns: DELIVERY_COLUMNS }),
    NEWEST_DELIVERIES,
    page
  )
}

/** State and courier of a delivery: what a step changes. */
export interface DeliveryProgress {
  readonly state: DeliveryState
  readonly courierId: string | null
}

/** Moves a delivery on if it is still at `from`: of two callers with the same `from`, one gets `null`. */
export async function moveDelivery(
  trx: Knex,
  deliveryId: string,
  from: DeliveryProgress,
  to: DeliveryProgress
): Promise<StoredDelivery | null> {
  const changed = await trx('deliveries')
    .where({ delivery_id: deliveryId, state: from.state, courier_id: from.courierId })
    .update({ state: to.state, courier_id: to.courierId })
  return changed === 1 ? findDelivery(trx, { deliveryId }) : null
}
