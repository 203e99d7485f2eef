import { randomUUID } from 'node:crypto'
import type { Idempotency } from '@sallyport/idempotency'
import type { RecordAudit } from '@sallyport/service-kit'
import type { Knex } from 'knex'
import { DeliveryExistsError } from '../errors.ts'
import type { NewDelivery } from '../schemas.ts'
import { findDelivery, insertDelivery, type StoredDelivery } from './delivery-store.ts'

/** The delivery of a ticket, and whether this call opened it. */
export interface OpenedDelivery {
  readonly delivery: StoredDelivery
  readonly opened: boolean
}

/** What deliveries are opened with. */
export interface OpenDeliveryCollaborators {
  readonly db: Knex
  readonly audit: RecordAudit
  /** Claimed with the delivery's id; no answer is stored, for whoever asks again wants it as it is by then. */
  readonly key: Idempotency
}

/**
 * Opens the delivery of a ticket, or returns the one that it has: a caller whose answer was lost asks again.
 * @throws `SALLYPORT_DELIVERY_EXISTS` when the ticket or the order has a different delivery, what `key` throws
 */
export async function openDelivery(
  { db, audit, key }: OpenDeliveryCollaborators,
  wanted: NewDelivery
): Promise<OpenedDelivery> {
  const delivery: StoredDelivery = {
    deliveryId: randomUUID(),
    ...wanted,
    customerId: wanted.customerId ?? null,
    state: 'SCHEDULED',
    courierId: null,
    createdAt: new Date()
  }
  const opened = await db.transaction(async trx => {
    if (!(await insertDelivery(trx, delivery))) return false
    await key.claim(trx, delivery.deliveryId)
    const after = { state: delivery.state, ticketId: delivery.ticketId, orderId: delivery.orderId }
    await audit(trx, {
      action: 'delivery.open',
      outcome: 'success',
      resource: auditedDelivery(delivery),
      detail: { after }
    })
    return true
  })
  if (opened) return { delivery, opened }
  const existing = await findDelivery(db, { ticketId: wanted.ticketId })
  if (existing === null || existing.orderId !== wanted.orderId || existing.restaurantId !== wanted.restaurantId) {
    throw new DeliveryExistsError()
  }
  await db.transaction(async trx => {
    await key.claim(trx, existing.deliveryId)
    await audit(trx, {
      action: 'delivery.open',
      outcome: 'success',
      reason: 'already-open',
      resource: auditedDelivery(existing),
      detail: { after: { state: existing.state } }
    })
  })
  return { delivery: existing, opened: false }
}

function auditedDelivery({ deliveryId }: StoredDelivery): { type: string; id: string } {
  return { type: 'delivery', id: deliveryId }
}
