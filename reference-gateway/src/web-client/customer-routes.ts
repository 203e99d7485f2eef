import { randomUUID } from 'node:crypto'
import { requestLanguage, sendPage, type Html } from '@sallyport/security-context/pages'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { takeAnswer } from './call-gateway.ts'
import { createOrderEvents } from './follow-order.ts'
import { LIVE_SCRIPT } from './live-script.ts'
import { problemOfForm, readOrderForm } from './order-form.ts'
import { dishesIn, isFinalState, orderIn, ordersIn, restaurantsIn } from './listed-orders.ts'
import { menuPage, orderPage, ordersPage, type MenuFacts } from './web-client-pages.ts'
import { OF_SESSION, OPEN_PAGE, sendClientPage, type PageFormRoute, type WebClientParts } from './parts.ts'
import { WEB_CLIENT_PATHS as AT, WEB_CLIENT_PATTERNS as PATTERN } from './paths.ts'
import { startPauses } from './pauses.ts'

interface ByOrder {
  Params: { orderId: string }
}

interface ByRestaurant {
  Params: { restaurantId: string }
}

/** The orders of a customer: list, menu, form, one order with its events, cancellation. */
export function customerRoutes(fastify: FastifyInstance, parts: WebClientParts): void {
  const { call } = parts

  fastify.get(AT.orders, { config: OF_SESSION }, async function showOrders(request, reply) {
    const restaurants = takeAnswer(await call(request, { path: '/restaurants' }), reply)
    const orders = await call(request, { path: '/orders' })
    const body = ordersPage(requestLanguage(request), {
      username: personName(request),
      restaurants: restaurantsIn(restaurants),
      orders: orders.status === 403 ? null : ordersIn(takeAnswer(orders, reply))
    })
    return sendClientPage(parts, reply, body)
  })

  fastify.get<ByRestaurant>(PATTERN.menu, { config: OF_SESSION }, async function showMenu(request, reply) {
    const { restaurantId } = request.params
    const empty = { key: randomUUID(), address: '', quantities: new Map(), problem: null }
    return sendClientPage(parts, reply, await menuOf(request, reply, { restaurantId, ...empty }))
  })

  fastify.post<PageFormRoute>(AT.orders, { config: OF_SESSION }, async function placeOrder(request, reply) {
    const form = readOrderForm(request.body ?? new URLSearchParams())
    const { restaurantId, key, address, lines } = form
    const problem = problemOfForm(form)
    if (problem !== null) return sendClientPage(parts, reply, await menuOf(request, reply, { ...form, problem }), 400)
    const placed = await call(request, {
      method: 'POST',
      path: '/orders',
      headers: { 'idempotency-key': key },
      body: { restaurantId, lines, deliveryAddress: address }
    })
    return await reply.redirect(AT.order(orderIn(takeAnswer(placed, reply)).orderId), 303)
  })

  fastify.get<ByOrder>(PATTERN.order, { config: OF_SESSION }, async function showOrder(request, reply) {
    const path = servicePath(request.params)
    const order = orderIn(takeAnswer(await call(request, { path }), reply))
    const scripts = isFinalState(order.state) ? 'none' : 'own'
    return sendPage(reply, 200, orderPage(requestLanguage(request), order), parts.issuerOrigin, scripts)
  })

  fastify.post<ByOrder>(PATTERN.cancel, { config: OF_SESSION }, async function cancelOrder(request, reply) {
    takeAnswer(await call(request, { method: 'POST', path: `${servicePath(request.params)}/cancel` }), reply)
    return await reply.redirect(AT.order(request.params.orderId), 303)
  })

  fastify.get<ByOrder>(PATTERN.events, { config: OF_SESSION }, createOrderEvents(call, startPauses(fastify)))

  fastify.get(AT.script, { config: OPEN_PAGE }, async function sendScript(_request, reply) {
    return await reply.headers({ 'content-type': 'text/javascript; charset=utf-8' }).send(LIVE_SCRIPT)
  })

  async function menuOf(request: FastifyRequest, reply: FastifyReply, facts: Omit<MenuFacts, 'dishes'>): Promise<Html> {
    const path = `/restaurants/${encodeURIComponent(facts.restaurantId)}/menu`
    const dishes = dishesIn(takeAnswer(await call(request, { path }), reply))
    return menuPage(requestLanguage(request), { ...facts, dishes })
  }
}

const servicePath = ({ orderId }: ByOrder['Params']): string => `/orders/${encodeURIComponent(orderId)}`

/** After a login by password nothing of the session says more than the subject, which tells a person nothing. */
function personName({ principal, loginFacts }: FastifyRequest): string | null {
  const { preferred_username: preferred, username } = principal?.claims ?? {}
  const named = [preferred, username, loginFacts?.username].find(name => typeof name === 'string')
  return typeof named === 'string' ? named : null
}
