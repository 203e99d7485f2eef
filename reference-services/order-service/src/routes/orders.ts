import { callerOf, PageQuery, Problem, routeResource, type ServiceInstance } from '@sallyport/chassis'
import type { FastifyRequest } from 'fastify'
import type { Knex } from 'knex'
import type { Static } from 'typebox'
import { askRestaurantService } from '../orders/ask-restaurant-service.ts'
import { cancelOrder } from '../orders/cancel-order.ts'
import type { StoredOrder } from '../orders/order.ts'
import { findOrder, findOrders } from '../orders/order-store.ts'
import { placeOrder, type OrderCollaborators } from '../orders/place-order.ts'
import * as policies from '../policies.ts'
import { NewOrder, Order, OrderPage, OrderParameters } from '../schemas.ts'

/** The routes of order-service. */
export async function orderRoutes (app: ServiceInstance, { db }: { readonly db: Knex }): Promise<void> {
  const order = routeResource('orderId', orderId => findOrder(db, orderId))
  const collaboratorsOf = (request: FastifyRequest): OrderCollaborators => ({
    db,
    restaurants: askRestaurantService(request.callAs('restaurant-service')),
    audit: (trx, event) => request.audit(trx, event)
  })

  app.post('/orders', {
    config: { access: policies.placeOrders, audit: { action: 'order.place' } },
    schema: { body: NewOrder, response: { 201: Order, '4xx': Problem, '5xx': Problem } }
  }, async function placeOrderRoute (request, reply) {
    const placed = await placeOrder(collaboratorsOf(request), callerOf(request).subject, request.body)
    return reply.code(201).header('location', `/orders/${placed.orderId}`).send(shown(placed))
  })

  app.get('/orders', {
    config: { access: policies.listOrders, audit: 'none' },
    schema: { querystring: PageQuery, response: { 200: OrderPage, '4xx': Problem } }
  }, async function listOrdersRoute (request) {
    const { rows, next } = await findOrders(db, policies.readOrder, callerOf(request), request.query)
    return { orders: rows.map(shown), next }
  })

  app.get('/orders/:orderId', {
    config: { access: policies.readOrder, resource: order.load, audit: 'none' },
    schema: { params: OrderParameters, response: { 200: Order, '4xx': Problem } }
  }, async function readOrderRoute (request) {
    return shown(order.of(request))
  })

  app.post('/orders/:orderId/cancel', {
    config: { access: policies.cancelOrder, resource: order.load, audit: { action: 'order.cancel', resource: { type: 'order', parameter: 'orderId' } } },
    schema: { params: OrderParameters, response: { 200: Order, '4xx': Problem, '5xx': Problem } }
  }, async function cancelOrderRoute (request) {
    return shown(await cancelOrder(collaboratorsOf(request), order.of(request)))
  })
}

function shown ({ lines, createdAt, ...order }: StoredOrder): Static<typeof Order> {
  return { ...order, lines: [...lines], createdAt: createdAt.toISOString() }
}
