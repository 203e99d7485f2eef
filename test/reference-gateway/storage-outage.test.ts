import { recordSecurityEvent } from '@sallyport/security-context'
import type { Tracing } from '@sallyport/service-process'
import fastifyPlugin from 'fastify-plugin'
import t from 'tap'
import { request } from 'undici'
import { connect } from '../support/database.ts'
import { accessToken, type Edge, GOOD, startEdge, until } from '../support/edge.ts'

t.test(
  'with its audit database away the gateway answers what it cannot record or read with 503 and a time to wait, and goes on forwarding',
  async t => {
    const db = connect('postgres://nobody:nothing@127.0.0.1:1/gateway')
    t.after(() => db.destroy())
    const tokens = { accessToken: await accessToken(), refreshToken: 'r', expiresInSeconds: 300, scope: null }
    const { url, orders } = await startEdge(t, {
      tokenClient: { password: async () => tokens },
      collaborators: { db }
    })
    const admin = await accessToken({ roles: ['ADMIN'], scope: 'audit:read' })
    const trail = await request(`${url}/audit/reference-gateway`, { headers: { authorization: `Bearer ${admin}` } })
    t.equal(trail.statusCode, 503)
    t.equal(trail.headers['retry-after'], '5')
    t.match(await trail.body.json(), { code: /^SALLYPORT_(?:STORAGE|AUDIT)_UNAVAILABLE$/ })

    const login = await request(`${url}/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: 'a', password: 'b' })
    })
    t.equal(login.statusCode, 503)
    t.equal(login.headers['retry-after'], '5')
    t.notOk(login.headers['set-cookie'], 'a login that is not recorded has not happened')
    t.match(await login.body.json(), { code: 'SALLYPORT_AUDIT_UNAVAILABLE' })

    t.equal((await request(`${url}/orders`, { headers: GOOD })).statusCode, 200)
    t.equal(orders.received.length, 1)
  }
)

t.test("a service's 503 for its own storage passes as it is, with its time to wait", async t => {
  const { url, orders, exchanges } = await startEdge(t)
  const problem = { type: 'about:blank', title: 'Storage', status: 503, code: 'SALLYPORT_STORAGE_UNAVAILABLE' }
  orders.answer = (_request, reply) =>
    reply
      .code(503)
      .headers({ 'retry-after': '5', 'content-type': 'application/problem+json' })
      .send(JSON.stringify(problem))
  for (const method of ['GET', 'POST'] as const) {
    const { statusCode, headers, body } = await request(`${url}/orders`, { method, headers: GOOD })
    t.equal(statusCode, 503)
    t.match(headers, { 'retry-after': '5', 'content-type': 'application/problem+json' })
    t.same(await body.json(), problem)
  }
  t.equal(orders.received.length, 2, 'asked once each')
  t.equal(exchanges.length, 1)
})

/** In the tracer's place, before all stages: a stage that lets a request pass and reports that it should not have. */
const doubtful: Tracing = {
  plugin: fastifyPlugin(async app => {
    app.addHook('preHandler', async incoming => {
      recordSecurityEvent(incoming, { stage: 'authorization', outcome: 'denied', reason: 'doubtful' })
    })
  }),
  traceId: () => '0'.repeat(32),
  traceIds: () => ({}),
  outgoingHeaders: () => ({}),
  close: async () => {}
}

t.test('what a forwarded request owes to the trail is there before its answer, or the answer is a 503', async t => {
  const refuse = (edge: Edge): void => {
    edge.orders.answer = (_request, reply) => reply.code(403).header('x-of', 'service').send('secret')
  }
  const edge = await startEdge(t, { collaborators: { tracing: doubtful } })
  refuse(edge)
  const refused = await request(`${edge.url}/orders/1`, { headers: GOOD })
  t.equal(refused.statusCode, 403)
  t.match(await edge.db('audit_events').select('reason', 'outcome'), [{ reason: 'doubtful', outcome: 'denied' }])

  const db = connect('postgres://nobody:nothing@127.0.0.1:1/gateway')
  t.after(() => db.destroy())
  const away = await startEdge(t, { collaborators: { tracing: doubtful, db } })
  refuse(away)
  const { statusCode, headers, body } = await request(`${away.url}/orders/1`, { headers: GOOD })
  t.equal(statusCode, 503)
  t.equal(headers['retry-after'], '5')
  t.notOk(headers['x-of'])
  const text = await body.text()
  t.match(text, /SALLYPORT_AUDIT_UNAVAILABLE/)
  t.notMatch(text, /secret/)
  t.equal(away.orders.received.length, 1)
  await until(() => away.agent.counts()[away.orders.origin]?.running === 0)
})
