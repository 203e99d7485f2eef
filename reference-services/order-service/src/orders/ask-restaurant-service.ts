import type { UpstreamAnswer, UpstreamCaller } from '@sallyport/token-exchange'
import Type, { type Static, type TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { RestaurantFailedError, RestaurantUnavailableError } from '../errors.ts'
import type { Restaurants } from './restaurant-client.ts'

const MenuAnswer = Type.Object({
  items: Type.Array(
    Type.Object({
      menuItemId: Type.String(),
      name: Type.String(),
      priceCents: Type.Integer({ minimum: 0, maximum: 100_000 })
    })
  )
})
const TicketBody = Type.Object({ ticketId: Type.String(), state: Type.Optional(Type.String()) })

/** Statuses with which restaurant-service refuses an order. */
const REFUSALS: readonly number[] = [404, 409]

/**
 * Calls restaurant-service over the network. An answer of another shape than agreed is an error.
 * @throws `SALLYPORT_ORDER_RESTAURANT_FAILED`, `SALLYPORT_ORDER_RESTAURANT_UNAVAILABLE`, and what `caller.request`
 * throws
 */
export function askRestaurantService(caller: UpstreamCaller): Restaurants {
  return {
    async readMenu(restaurantId) {
      const answer = await caller.request({
        method: 'GET',
        path: `/restaurants/${encodeURIComponent(restaurantId)}/menu`
      })
      return answer.statusCode === 404 ? null : agreedBody(MenuAnswer, answer).items
    },
    async openTicket({ orderId, customerId, restaurantId, lines, deliveryAddress }) {
      const body = {
        orderId,
        customerId,
        restaurantId,
        deliveryAddress,
        lines: lines.map(({ menuItemId, quantity }) => ({ menuItemId, quantity }))
      }
      // Whoever asks for this order, however often, has this key: the request, its cancellation, recovery.
      const headers = { 'idempotency-key': `"ticket:${orderId}"` }
      const answer = await caller.request({ method: 'POST', path: '/tickets', body, headers })
      if (isInProgress(answer)) throw new RestaurantUnavailableError()
      if (REFUSALS.includes(answer.statusCode)) return { kind: 'refused' }
      const { ticketId, state } = agreedBody(TicketBody, answer)
      return { kind: state === 'CANCELLED' ? 'withdrawn' : 'opened', ticketId }
    },
    async cancelTicket(ticketId) {
      const answer = await caller.request({ method: 'POST', path: `/tickets/${encodeURIComponent(ticketId)}/cancel` })
      if (answer.statusCode === 409) return false
      agreedBody(TicketBody, answer)
      return true
    }
  }
}

const Problem = Type.Object({ code: Type.Literal('SALLYPORT_IDEMPOTENCY_IN_PROGRESS') })

/** The same question is being answered to somebody else at this moment: that is no refusal. */
function isInProgress({ statusCode, body }: UpstreamAnswer): boolean {
  return statusCode === 409 && Value.Check(Problem, body)
}

function agreedBody<Schema extends TSchema>(schema: Schema, { statusCode, body }: UpstreamAnswer): Static<Schema> {
  if (statusCode === 503) throw new RestaurantUnavailableError()
  if (statusCode >= 200 && statusCode < 300 && Value.Check(schema, body)) return body
  throw Object.assign(new RestaurantFailedError(), { cause: new Error(`restaurant-service answered ${statusCode}`) })
}
