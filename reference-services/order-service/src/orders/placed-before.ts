import { errors } from '@sallyport/idempotency'
import { OrderRejectedError } from '../errors.ts'
import type { StoredOrder } from './order.ts'
import { findOrder } from './order-store.ts'
import type { OrderCollaborators } from './settle-order.ts'

/**
 * The order that an earlier request with the same key has begun, once it is settled: by that request, or by recovery.
 * The answer is stored for further repetitions.
 * @throws `SALLYPORT_IDEMPOTENCY_IN_PROGRESS` while it is not known whether the restaurant takes it,
 * `SALLYPORT_ORDER_REJECTED`
 */
export async function orderPlacedBefore({ db, key }: OrderCollaborators, orderId: string): Promise<StoredOrder> {
  const order = await findOrder(db, orderId)
  if (order === null || order.state === 'APPROVAL_PENDING') throw new errors.InProgressError()
  if (order.state === 'REJECTED') throw new OrderRejectedError()
  await key?.store(db, order)
  return order
}
