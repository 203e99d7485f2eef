import { DEMO_ORDERS, DEMO_RESTAURANTS } from '@sallyport/service-kit/demo'
import * as orderService from '@sallyport/order-service'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { as, SETTINGS, startService, startUpstream, type TestService } from '../../support/services.ts'

export const [anchor] = DEMO_RESTAURANTS
export const AUDIENCE = 'order-service'
export const TICKET_ID = '30000000-0000-4000-8000-000000000001'
/** What a customer sends. */
export const NEW_ORDER = {
  restaurantId: anchor.restaurantId,
  lines: [{ menuItemId: anchor.items[0]!.menuItemId, quantity: 2 }],
  deliveryAddress: '1 Harbour Street'
}
/** The first demo order of a customer in a state. */
export const demoOrder = (state: string, customer: string) =>
  DEMO_ORDERS.find(order => order.order === state && order.customer === customer)!

/** What restaurant-service answers, as status and body. */
export interface Answers {
  menu?: [number, unknown]
  openTicket?: [number, unknown]
  cancelTicket?: [number, unknown]
  beforeTicket?: () => Promise<void>
}

/** order-service beside a restaurant-service that answers as told; `calls` is what it was asked. */
export async function start(
  t: Test,
  answers: Answers = {}
): Promise<TestService & { calls: Array<{ path: string; body: unknown; authorization: string }> }> {
  const calls: Array<{ path: string; body: unknown; authorization: string }> = []
  const restaurantServiceOrigin = await startUpstream(t, (app: FastifyInstance) => {
    app.addHook('preHandler', async request => {
      calls.push({
        path: `${request.method} ${request.url}`,
        body: request.body,
        authorization: request.headers.authorization ?? ''
      })
    })
    app.get('/restaurants/:id/menu', async (_request, reply) =>
      reply
        .code(answers.menu?.[0] ?? 200)
        .send(answers.menu?.[1] ?? { restaurantId: anchor.restaurantId, items: anchor.items })
    )
    app.post('/tickets', async (_request, reply) => {
      await answers.beforeTicket?.()
      return reply.code(answers.openTicket?.[0] ?? 201).send(answers.openTicket?.[1] ?? { ticketId: TICKET_ID })
    })
    app.post('/tickets/:id/cancel', async (_request, reply) =>
      reply.code(answers.cancelTicket?.[0] ?? 200).send(answers.cancelTicket?.[1] ?? { ticketId: TICKET_ID })
    )
  })
  return { ...(await startService(t, orderService, { ...SETTINGS, restaurantServiceOrigin })), calls }
}

/** customer1 places an order. */
export async function place(service: TestService, payload: object = NEW_ORDER) {
  return service.app.inject({ method: 'POST', url: '/orders', headers: await as('customer1', AUDIENCE), payload })
}

/** customer1 cancels an order. */
export async function cancel(service: TestService, orderId: string) {
  return service.app.inject({
    method: 'POST',
    url: `/orders/${orderId}/cancel`,
    headers: await as('customer1', AUDIENCE)
  })
}

/** The payload of a token. */
export const claimsOf = (authorization: string) =>
  JSON.parse(Buffer.from(authorization.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>
/** The row of the order that was placed last. */
export const newest = async ({ owner }: TestService) => owner('orders').orderBy('created_at', 'desc').first()
