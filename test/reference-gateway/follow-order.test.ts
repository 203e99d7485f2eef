// The events of an order, when more browsers follow orders than the gateway keeps streams for.
import Fastify from 'fastify'
import t from 'tap'
import { until } from '../support/edge.ts'
import { createOrderEvents } from '../../reference-gateway/src/web-client/follow-order.ts'

const MOST_FOLLOWED = 200
const ORDER = { orderId: 'order-1', state: 'APPROVED', lines: [] }

t.test('one more than are followed is told the state of its order, and asks again after a pause', async t => {
  const app = Fastify()
  const { promise: closing, resolve: close } = Promise.withResolvers<void>()
  const { promise: allFollow, resolve: followed } = Promise.withResolvers<void>()
  let looks = 0
  const follow = createOrderEvents(
    async () => {
      if (++looks === MOST_FOLLOWED) followed()
      return { status: 200, body: looks > MOST_FOLLOWED + 1 ? { ...ORDER, state: 'CANCELLED' } : ORDER, cookies: [] }
    },
    async () => await closing
  )
  app.get(
    '/events',
    async (request, reply) =>
      await follow(Object.assign(request, { params: { orderId: 'order-1' }, dpopKey: null }), reply)
  )
  const streams = Array.from({ length: MOST_FOLLOWED }, async () => await app.inject('/events'))
  await allFollow
  const { statusCode, headers, body } = await app.inject('/events')
  t.equal(statusCode, 200)
  t.equal(headers['content-type'], 'text/event-stream')
  t.match(body, /^retry: 5000\n\nevent: state\ndata: \{"state":"APPROVED"[^\n]*\n\n$/)
  close()
  await Promise.all(streams)
  await until(async () => (await app.inject('/events')).body.startsWith('event: state'))
  await app.close()
})
