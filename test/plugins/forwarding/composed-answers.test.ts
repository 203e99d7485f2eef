// One answer made of those of several services, asked at the same time as the caller.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import type { ForwardedRouteOptions, UpstreamOptions } from '@sallyport/forwarding'
import type { SecurityEvent } from '@sallyport/security-context'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { until } from '../../support/edge.ts'
import { ALICE, forwardingApp, startPlainService, type PlainService } from './support/table-app.ts'

const PARTS = ['orders', 'kitchen', 'deliveries'] as const
type Services = Readonly<Record<(typeof PARTS)[number], PlainService>>

const ROUTE: ForwardedRouteOptions = {
  path: '/order-details/:orderId',
  methods: ['GET'],
  upstream: 'orders',
  forward: 'token',
  access: 'authenticated',
  compose: {
    order: { path: '/orders/:orderId', decides: true },
    ticket: { path: '/tickets/of-order/:orderId', upstream: 'kitchen' },
    delivery: { path: '/deliveries/of-order/:orderId', upstream: 'deliveries', forward: 'none' }
  }
}

const json =
  (value: unknown, status = 200) =>
  (_request: unknown, response: ServerResponse) => {
    response.writeHead(status, { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' })
    response.end(JSON.stringify(value))
  }
const dropped = (_request: unknown, response: ServerResponse): void => {
  response.destroy()
}
const never = (): void => {}

async function composed(
  t: Test,
  route: Partial<ForwardedRouteOptions> = {},
  upstream: Partial<UpstreamOptions> = {}
): Promise<{ services: Services; app: FastifyInstance; events: SecurityEvent[] }> {
  const services = {
    orders: await startPlainService(t),
    kitchen: await startPlainService(t),
    deliveries: await startPlainService(t)
  }
  services.orders.answer = json({ orderId: '7' })
  services.kitchen.answer = json({ ticketId: '8' })
  services.deliveries.answer = json({ deliveryId: '9' })
  const events: SecurityEvent[] = []
  const app = await forwardingApp(
    t,
    {
      upstreams: Object.fromEntries(PARTS.map(name => [name, { origin: services[name].origin, ...upstream }])),
      routes: [{ ...ROUTE, ...route }]
    },
    {
      before: async app => {
        app.addHook('onResponse', async ({ securityEvents }) => {
          events.push(...securityEvents)
        })
      }
    }
  )
  return { services, app, events }
}

const ask = async (app: FastifyInstance, url = '/order-details/7', headers: Record<string, string> = {}) =>
  await app.inject({ url, headers: { ...ALICE, 'x-token': 'of-alice', ...headers } })

t.test(
  'parts of three services come as one answer, each asked as the caller with what is left of the time',
  async t => {
    const { services, app } = await composed(t, { timeouts: { headMs: 5000 } })
    const answer = await ask(app, '/order-details/7?all=1', {
      ...{ 'if-none-match': '"x"', range: 'bytes=0-1', accept: 'text/html', 'accept-encoding': 'gzip' },
      ...{ 'accept-language': 'ko', 'sallyport-timeout-ms': '99999' }
    })
    t.equal(answer.statusCode, 200)
    t.same(answer.json(), {
      ...{ order: { orderId: '7' }, ticket: { ticketId: '8' }, delivery: { deliveryId: '9' } },
      missing: []
    })
    t.match(answer.headers, { 'content-type': /^application\/json/, 'cache-control': 'no-store' })
    const seen = PARTS.map(name => services[name].seen)
    t.same(
      seen.map(requests => requests.map(({ method, url }) => `${method} ${url}`)),
      [['GET /orders/7'], ['GET /tickets/of-order/7'], ['GET /deliveries/of-order/7']]
    )
    for (const [{ headers } = { headers: {} as IncomingMessage['headers'] }] of seen) {
      t.match(headers, { accept: 'application/json', 'accept-language': 'ko', 'x-forwarded-for': '127.0.0.1' })
      for (const name of ['if-none-match', 'range', 'accept-encoding', 'x-token']) {
        t.equal(headers[name], undefined, name)
      }
      const leftMs = Number(headers['sallyport-timeout-ms'])
      t.ok(leftMs > 0 && leftMs <= 5000, String(leftMs))
    }
    t.same(
      seen.map(([first]) => first?.headers.authorization),
      ['Bearer of-alice', 'Bearer of-alice', undefined]
    )
  }
)

t.test('a part of a service that is down is null and named with its reason, whichever it is', async t => {
  const { services, app, events } = await composed(t)
  const all = { order: { orderId: '7' }, ticket: { ticketId: '8' }, delivery: { deliveryId: '9' } }
  const down = [
    ['orders', 'order', dropped, 'unavailable'],
    ['kitchen', 'ticket', json({}, 503), 'unavailable'],
    ['kitchen', 'ticket', json({}, 429), 'unavailable'],
    ['deliveries', 'delivery', json({}, 500), 'unavailable'],
    ['deliveries', 'delivery', json({ code: 'NO' }, 403), 'refused'],
    ['orders', 'order', json({}, 302), 'unreadable'],
    ['kitchen', 'ticket', (_: unknown, response: ServerResponse) => response.end('{"half":'), 'unreadable']
  ] as const
  for (const [name, part, answer, reason] of down) {
    const before = services[name].answer
    services[name].answer = answer
    const { statusCode, headers, body } = await ask(app)
    t.same([statusCode, headers['cache-control']], [200, 'no-store'], part)
    t.same(JSON.parse(body), { ...all, [part]: null, missing: [{ part, reason }] }, `${part}: ${reason}`)
    services[name].answer = before
  }
  t.match(
    events.filter(({ reason }) => reason === 'upstream-failed'),
    [{ stage: 'forward', outcome: 'failure' }]
  )
})

t.test('a part that there is none of is null and not missing', async t => {
  const { services, app } = await composed(t)
  services.deliveries.answer = json({}, 404)
  const { statusCode, body } = await ask(app)
  t.equal(statusCode, 200)
  t.same(JSON.parse(body), { order: { orderId: '7' }, ticket: { ticketId: '8' }, delivery: null, missing: [] })
})

t.test('what the deciding part refuses is the whole answer, and tells nothing of the others', async t => {
  const { services, app } = await composed(t)
  for (const status of [403, 404, 410]) {
    services.orders.answer = json({ status, code: 'OF_ORDERS' }, status)
    const answer = await ask(app)
    t.equal(answer.statusCode, status)
    t.same(answer.json(), { status, code: 'OF_ORDERS' })
    t.match(answer.headers, { 'content-type': /^application\/problem\+json/, 'cache-control': 'no-store' })
  }
})

t.test('without any part the answer is 503, and 504 where all are late', async t => {
  const { services, app } = await composed(t, { timeouts: { headMs: 150, totalMs: 5000 } })
  for (const name of PARTS) services[name].answer = dropped
  services.deliveries.answer = json({}, 404)
  const down = await ask(app)
  t.same([down.statusCode, down.json().code], [503, 'SALLYPORT_FORWARDING_UPSTREAM_UNAVAILABLE'])
  t.equal(down.headers['retry-after'], '1')
  for (const name of PARTS) services[name].answer = never
  const late = await ask(app)
  t.same([late.statusCode, late.json().code], [504, 'SALLYPORT_FORWARDING_UPSTREAM_TIMEOUT'])
})

t.test('a slow part is cut by the one deadline, or by that of its upstream, and the others are answered', async t => {
  const { services, app } = await composed(t, { timeouts: { headMs: 200 } })
  const left = [false, false]
  services.kitchen.answer = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.write('{"half":')
    response.once('close', () => {
      left[0] = true
    })
  }
  t.match((await ask(app)).json(), { order: {}, ticket: null, missing: [{ part: 'ticket', reason: 'timeout' }] })
  await until(() => left[0] === true)

  const own = await composed(t, { timeouts: { headMs: 60_000, totalMs: 60_000 } }, { timeouts: { headMs: 100 } })
  own.services.deliveries.answer = (_request, response) => {
    response.once('close', () => {
      left[1] = true
    })
  }
  t.same((await ask(own.app)).json().missing, [{ part: 'delivery', reason: 'timeout' }])
  await until(() => left[1] === true)
})

t.test('a client that leaves ends every call', async t => {
  const { services, app } = await composed(t, { timeouts: { headMs: 60_000, totalMs: 60_000 } })
  let closed = 0
  for (const name of PARTS) {
    services[name].answer = (_request, response) => {
      response.once('close', () => closed++)
    }
  }
  await app.listen({ port: 0, host: '127.0.0.1' })
  const client = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  client.write('GET /order-details/7 HTTP/1.1\r\nHost: a\r\nX-Caller: alice\r\nX-Token: of-alice\r\n\r\n')
  await until(() => PARTS.every(name => services[name].seen.length === 1))
  client.destroy()
  await until(() => closed === PARTS.length)
})

t.test('a caller who is not known asks no service, and an empty parameter is no path of a part', async t => {
  const { services, app } = await composed(t)
  t.equal((await app.inject('/order-details/7')).statusCode, 401)
  t.equal((await ask(app, '/order-details/')).statusCode, 404)
  t.equal((await ask(app, '/order-details/..%2fmine')).statusCode, 400)
  t.equal((await app.inject({ method: 'POST', url: '/order-details/7', headers: ALICE })).statusCode, 404)
  t.same(
    PARTS.map(name => services[name].seen.length),
    [0, 0, 0]
  )
})

t.test('a service that does not take its token is missing, and the token is not used again', async t => {
  const forward = { audience: 'kitchen' }
  const dropped: string[] = []
  const services = { orders: await startPlainService(t), kitchen: await startPlainService(t) }
  services.kitchen.answer = json({}, 401)
  const exchanged = async (audience: string): Promise<string> => {
    if (audience === 'orders' && refuses) throw Object.assign(new Error('ended'), { statusCode: 401 })
    return `for-${audience}`
  }
  let refuses = false
  const app = await forwardingApp(
    t,
    {
      upstreams: { orders: { origin: services.orders.origin }, kitchen: { origin: services.kitchen.origin } },
      routes: [
        {
          ...ROUTE,
          forward: { audience: 'orders' },
          compose: {
            order: { path: '/orders/:orderId', decides: true },
            ticket: { path: '/tickets', upstream: 'kitchen', forward }
          }
        }
      ]
    },
    {
      before: async app => {
        app.decorateRequest('exchangeToken', exchanged)
        app.decorateRequest('dropExchangedToken', (audience: string) => {
          dropped.push(audience)
        })
      }
    }
  )
  t.same((await ask(app)).json(), {
    order: { ok: true },
    ticket: null,
    missing: [{ part: 'ticket', reason: 'unavailable' }]
  })
  t.equal(services.kitchen.seen[0]?.headers.authorization, 'Bearer for-kitchen')
  t.same(dropped, ['kitchen'])
  refuses = true
  t.equal((await ask(app)).statusCode, 401, 'the session of the caller has ended: the deciding part says so')
})
