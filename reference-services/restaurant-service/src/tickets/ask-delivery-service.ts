import type { UpstreamCaller } from '@sallyport/token-exchange'
import Type from 'typebox'
import { Value } from 'typebox/value'
import { DeliveryFailedError, DeliveryUnavailableError } from '../errors.ts'
import type { OpenDelivery } from './accept-ticket.ts'

const DeliveryBody = Type.Object({ deliveryId: Type.String() })
const InProgress = Type.Object({ code: Type.Literal('SALLYPORT_IDEMPOTENCY_IN_PROGRESS') })

/**
 * Calls delivery-service over the network. An answer of another shape than agreed is an error.
 * @throws `SALLYPORT_RESTAURANT_DELIVERY_FAILED`, `SALLYPORT_RESTAURANT_DELIVERY_UNAVAILABLE`, and what
 * `caller.request` throws
 */
export function askDeliveryService(caller: UpstreamCaller): OpenDelivery {
  return async function openDelivery({ ticketId, orderId, customerId, restaurantId, deliveryAddress }) {
    const { statusCode, body } = await caller.request({
      method: 'POST',
      path: '/deliveries',
      // Whoever asks for this ticket, however often, has this key: the request and recovery.
      headers: { 'idempotency-key': `"delivery:${ticketId}"` },
      body: { ticketId, orderId, ...(customerId !== null && { customerId }), restaurantId, deliveryAddress }
    })
    // The same question is being answered to somebody else at this moment.
    if (statusCode === 503 || (statusCode === 409 && Value.Check(InProgress, body))) {
      throw new DeliveryUnavailableError()
    }
    if (statusCode >= 200 && statusCode < 300 && Value.Check(DeliveryBody, body)) return body
    throw Object.assign(new DeliveryFailedError(), { cause: new Error(`delivery-service answered ${statusCode}`) })
  }
}
