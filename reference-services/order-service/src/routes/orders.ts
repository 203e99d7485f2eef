import {
  auditOfRequest,
  effectAuditOfRequest,
  PageQuerySchema,
  ProblemSchema,
  routeResource,
  type ServiceInstance
} from '@sallyport/service-kit'
import { requirePrincipal } from '@sallyport/security-context'
import type { FastifyRequest } from 'fastify'
import type { Knex } from 'knex'
import type { Static } from 'typebox'
import { askRestaurantService } from '../orders/ask-restaurant-service.ts'
import { cancelOrder } from '../orders/cancel-order.ts'
import type { StoredOrder } from '../orders/order.ts'
import { findOrder, findOrders } from '../orders/order-store.ts'
import type { OrderWrites } from '../orders/order-writes.ts'
import { placeOrder } from '../orders/place-order.ts'
import { orderPlacedBefore } from '../orders/placed-before.ts'
import type { OrderCollaborators, OrderKey } from '../orders/settle-order.ts'
import * as policies from '../policies.ts'
import { NewOrderSchema, OrderSchema, OrderPageSchema, OrderParametersSchema } from '../schemas.ts'

/** What the routes work with. */
export interface OrderRouteCollaborators {
  readonly db: Knex
  readonly writes: OrderWrites
  /** When recovery may take up what a request has begun, in ms. */
  readonly recoveryAgeMs: () => number
}

/** The routes of order-service. */
export async function orderRoutes(
  app: ServiceInstance,
  { db, writes, recoveryAgeMs }: OrderRouteCollaborators
): Promise<void> {
  const order = routeResource('orderId', orderId => findOrder(db, orderId))
  const collaboratorsOf = (request: FastifyRequest, key: OrderKey | null): OrderCollaborators => ({
    db,
    writes,
    restaurants: askRestaurantService(request.callAs('restaurant-service')),
    audit: auditOfRequest(request),
    auditEffect: effectAuditOfRequest(request),
    key,
    begun: { ageMs: recoveryAgeMs(), txn: request.txn }
  })

  app.post(
    '/orders',
    {
      config: { access: policies.mayPlaceOrders, audit: { action: 'order.place' }, idempotency: 'optional' },
      schema: { body: NewOrderSchema, response: { 201: OrderSchema, '4xx': ProblemSchema, '5xx': ProblemSchema } }
    },
    async function placeOrderRoute(request, reply) {
      const { idempotency } = request
      const key: OrderKey = {
        claim: (trx, orderId) => idempotency.claim(trx, orderId),
        store: (trx, order) =>
          idempotency.store(trx, { ...PLACED, headers: locationOf(order), body: shownOrder(order) })
      }
      const collaborators = collaboratorsOf(request, idempotency.isKeyed ? key : null)
      const order =
        idempotency.earlier === null
          ? await placeOrder(collaborators, requirePrincipal(request).subject, request.body)
          : await orderPlacedBefore(collaborators, idempotency.earlier)
      return reply.code(PLACED.status).headers(locationOf(order)).send(shownOrder(order))
    }
  )

  app.get(
    '/orders',
    {
      config: { access: policies.mayListOrders, audit: { action: 'order.list', only: 'refusals' } },
      schema: { querystring: PageQuerySchema, response: { 200: OrderPageSchema, '4xx': ProblemSchema } }
    },
    async function listOrdersRoute(request) {
      const { rows, next } = await findOrders(db, policies.mayReadOrder, requirePrincipal(request), request.query)
      return { orders: rows.map(shownOrder), next }
    }
  )

  app.get(
    '/orders/:orderId',
    {
      config: {
        access: policies.mayReadOrder,
        resource: order.load,
        audit: { action: 'order.read', resource: { type: 'order', parameter: 'orderId' }, only: 'refusals' }
      },
      schema: { params: OrderParametersSchema, response: { 200: OrderSchema, '4xx': ProblemSchema } }
    },
    async function readOrderRoute(request) {
      return shownOrder(order.of(request))
    }
  )

  app.post(
    '/orders/:orderId/cancel',
    {
      config: {
        access: policies.mayCancelOrder,
        resource: order.load,
        audit: { action: 'order.cancel', resource: { type: 'order', parameter: 'orderId' } }
      },
      schema: {
        params: OrderParametersSchema,
        response: { 200: OrderSchema, '4xx': ProblemSchema, '5xx': ProblemSchema }
      }
    },
    async function cancelOrderRoute(request) {
      return shownOrder(await cancelOrder(collaboratorsOf(request, null), order.of(request)))
    }
  )
}

const PLACED = { status: 201 } as const

function locationOf({ orderId }: StoredOrder): { readonly location: string } {
  return { location: `/orders/${orderId}` }
}

function shownOrder({ lines, createdAt, ...order }: StoredOrder): Static<typeof OrderSchema> {
  return { ...order, lines: [...lines], createdAt: createdAt.toISOString() }
}
