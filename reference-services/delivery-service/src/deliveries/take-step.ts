import type { RecordAudit } from '@sallyport/service-kit'
import type { Knex } from 'knex'
import { DeliveryStateError } from '../errors.ts'
import { findDelivery, moveDelivery, type StoredDelivery } from './delivery-store.ts'
import { progressOfStep, type DeliveryStep } from './steps.ts'

/**
 * Takes a step of a delivery: a compare-and-set in one statement, with its audit row in the same transaction, so that
 * when two couriers accept at once, one succeeds and the other one learns it. Repeating a step that this courier has
 * taken returns the delivery unchanged: a lost answer can be asked for again.
 * @throws `SALLYPORT_DELIVERY_STATE`
 */
export async function takeStep(
  db: Knex,
  audit: RecordAudit,
  step: DeliveryStep,
  deliveryId: string,
  courierId: string
): Promise<StoredDelivery> {
  const { from, to } = progressOfStep(step, courierId)
  const moved = await db.transaction(async trx => {
    const delivery = await moveDelivery(trx, deliveryId, from, to)
    if (delivery !== null) {
      await audit(trx, { action: `delivery.${step}`, outcome: 'success', detail: { before: from, after: to } })
    }
    return delivery
  })
  if (moved !== null) return moved
  const delivery = await findDelivery(db, { deliveryId })
  if (delivery === null || delivery.state !== to.state || delivery.courierId !== to.courierId) {
    throw new DeliveryStateError()
  }
  await audit(db, { action: `delivery.${step}`, outcome: 'success', reason: 'already-done', detail: { after: to } })
  return delivery
}
