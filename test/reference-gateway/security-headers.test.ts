import helmet from '@fastify/helmet'
import Fastify from 'fastify'
import t from 'tap'
import { request } from 'undici'
import { FORWARDED_ANSWER_FIELDS, GATEWAY_ANSWER_FIELDS } from '../../reference-gateway/src/security-headers.ts'
import { GOOD, startEdge } from '../support/edge.ts'

t.test("the gateway's constants are what helmet answers", async t => {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(helmet, { strictTransportSecurity: false })
  app.get('/', async () => '')
  const { headers } = await app.inject('/')
  for (const name of ['content-type', 'content-length', 'date', 'connection']) delete headers[name]
  t.same(headers, GATEWAY_ANSWER_FIELDS)
})

t.test(
  'an answer of a service cannot run or be framed unless it says so, and a refusal is a page of our own',
  async t => {
    const { url, orders } = await startEdge(t)
    const answer = await request(`${url}/orders`, { headers: GOOD })
    await answer.body.dump()
    t.equal(answer.statusCode, 200)
    t.match(answer.headers, FORWARDED_ANSWER_FIELDS)
    t.notOk('x-frame-options' in answer.headers)

    orders.answer = (_request, reply) => reply.header('content-security-policy', "default-src 'self'").send({})
    const own = await request(`${url}/orders`, { headers: GOOD })
    await own.body.dump()
    t.equal(own.headers['content-security-policy'], "default-src 'self'")

    for (const [path, status] of [
      ['/orders', 401],
      ['/unknown', 404]
    ] as const) {
      const refused = await request(url + path)
      await refused.body.dump()
      t.equal(refused.statusCode, status)
      t.match(refused.headers, GATEWAY_ANSWER_FIELDS, path)
    }
  }
)
