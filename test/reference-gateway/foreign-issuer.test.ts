// The gateway before two services of somebody else, with npm oidc-provider as issuer: settings and a file, no code.
import authentication from '@sallyport/authentication'
import securityContext, { problemDetails } from '@sallyport/security-context'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'
import { startGatewayProcess } from './support/gateway-process.ts'
import { OTHER_RESOURCE, RESOURCE, startOidcIssuer } from '../support/oidc-issuer.ts'

const FILE = `
upstreams:
  orders: { origin: '\${ORDERS_ORIGIN}' }
  catalogue: { origin: '\${CATALOGUE_ORIGIN}' }
routes:
  - path: /orders/*
    methods: [GET]
    upstream: orders
    forward: token
    access: { scopes: [orders:read] }
  - path: /orders/*
    methods: [POST]
    upstream: orders
    forward: token
    access: { scopes: [orders:write] }
    maxBodyBytes: 100
  - path: /reports/*
    upstream: orders
    forward: token
    access: { roles: [ADMIN] }
  - path: /catalogue/*
    upstream: catalogue
    rewrite: /v2/items
    forward: none
    access: public
    requestHeaders: { set: { x-edge: '\${EDGE_NAME}' } }
    cors: { origins: ['https://shop.example'] }
`

interface SeenRequest {
  readonly url: string
  readonly headers: FastifyRequest['headers']
}

/** A service of somebody else that writes down what it gets. */
async function startShopService(t: Test, prepare: (app: FastifyInstance) => Promise<void>) {
  const app = Fastify({ forceCloseConnections: true })
  const seen: SeenRequest[] = []
  await prepare(app)
  app.all('/*', { config: { access: 'authenticated' } }, async request => {
    seen.push({ url: request.url, headers: request.headers })
    return { subject: app.hasRequestDecorator('principal') ? request.principal?.subject : null }
  })
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  return { origin, seen }
}

t.test('a gateway of settings and a file fronts two services with oidc-provider as issuer', async t => {
  const { issuer, token } = await startOidcIssuer(t)
  const orders = await startShopService(t, async app => {
    await app.register(securityContext)
    await app.register(problemDetails)
    await app.register(authentication, { issuer, audience: RESOURCE })
  })
  const catalogue = await startShopService(t, async () => {})
  const environment = {
    SALLYPORT_ISSUER: issuer,
    SALLYPORT_AUDIENCE: RESOURCE,
    ORDERS_ORIGIN: orders.origin,
    CATALOGUE_ORIGIN: catalogue.origin,
    EDGE_NAME: 'eu: [1'
  }
  const gateway = await startGatewayProcess(t, FILE, environment)

  const [reader, writer, foreign] = await Promise.all([
    token('orders:read'),
    token('orders:write'),
    token('orders:read', OTHER_RESOURCE)
  ])
  const ask = async (path: string, bearer?: string, more: RequestInit = {}): Promise<Response> =>
    await fetch(`${gateway.url}${path}`, {
      ...more,
      headers: { ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }), ...more.headers }
    })
  const codeOf = async (answer: Response): Promise<unknown> => {
    const body: unknown = await answer.json()
    return typeof body === 'object' && body !== null && 'code' in body ? body.code : body
  }

  await t.test('a token of the issuer passes and goes on, and the service accepts it too', async t => {
    const answer = await ask('/orders/1?full=1', reader)
    t.equal(answer.status, 200)
    t.same(await answer.json(), { subject: 'shop' })
    t.equal(orders.seen.at(-1)?.url, '/orders/1?full=1')
    t.equal(orders.seen.at(-1)?.headers.authorization, `Bearer ${reader}`)
    t.equal((await ask('/orders', writer, { method: 'POST', body: 'x' })).status, 200)
  })

  await t.test('what does not fit is refused and reaches no service', async t => {
    const before = orders.seen.length
    t.equal((await ask('/orders/1')).status, 401)
    t.equal((await ask('/orders/1', foreign)).status, 401)
    t.equal((await ask('/orders/1', `${reader.slice(0, -8)}AAAAAAAA`)).status, 401)
    t.equal((await ask('/orders/1', undefined, { headers: { authorization: 'Basic YTpi' } })).status, 401)
    t.equal((await ask('/orders', reader, { method: 'POST' })).status, 403)
    t.equal((await ask('/orders/1', writer)).status, 403)
    t.equal((await ask('/reports/1', reader)).status, 403)
    t.equal(
      await codeOf(await ask('/orders', writer, { method: 'POST', body: 'x'.repeat(101) })),
      'SALLYPORT_FORWARDING_BODY_TOO_LARGE'
    )
    t.equal((await ask('/orders/1', writer, { method: 'DELETE' })).status, 404)
    t.equal((await ask('/elsewhere', reader)).status, 404)
    t.equal((await ask('/login', undefined, { method: 'POST' })).status, 404)
    t.equal(orders.seen.length, before)
  })

  await t.test('a public route sends no credential, and a page of the shop may call it', async t => {
    const answer = await ask('/catalogue/7', undefined, { headers: { origin: 'https://shop.example' } })
    t.equal(answer.status, 200)
    t.equal(answer.headers.get('access-control-allow-origin'), 'https://shop.example')
    const { url, headers } = catalogue.seen.at(-1) ?? { url: '', headers: {} }
    t.equal(url, '/v2/items/7')
    t.equal(headers['x-edge'], 'eu: [1', 'a value of the environment is one text')
    t.equal((await ask('/catalogue/7', reader)).status, 200)
    t.equal(catalogue.seen.at(-1)?.headers.authorization, undefined)
  })

  await t.test('G-20: SIGHUP and the watch take a new file in one step; a bad one changes nothing', async t => {
    gateway.write(FILE.replace('/catalogue/*', '/items/*'))
    gateway.hangUp()
    await gateway.says('the routes are those of gateway.yaml now')
    t.equal((await ask('/items/7')).status, 200)
    t.equal((await ask('/catalogue/7')).status, 404)

    gateway.write(FILE.replace('access: public', 'acess: public'))
    await gateway.says('the routes stay what they were: gateway.yaml is not taken')
    const line = FILE.split('\n').findIndex(text => text.includes('access: public')) + 1
    t.match(gateway.log(), `gateway.yaml:${line}:5: `)
    t.equal((await ask('/items/7')).status, 200)

    gateway.write(FILE)
    await gateway.says('the routes are those of gateway.yaml now', 2)
    t.equal((await ask('/catalogue/7')).status, 200)
    t.notMatch(gateway.log(), 'eu: [1')
  })

  await t.test('no request fails while files are exchanged, by an editor with SIGHUP and by a ConfigMap', async t => {
    const failures: string[] = []
    const done = new AbortController()
    let next = Promise.withResolvers<void>()
    const callers = Array.from({ length: 4 }, async () => {
      while (!done.signal.aborted) {
        const answer = await ask('/orders/1', reader)
        const text = await answer.text()
        if (answer.status !== 200) failures.push(`${answer.status} ${text}`)
        next.resolve()
      }
    })
    for (let round = 0; round < 10; round++) {
      gateway.write(FILE.replace('maxBodyBytes: 100', `maxBodyBytes: ${200 + round}`))
      gateway.hangUp()
      await gateway.says('the routes are those of gateway.yaml now', 3 + round)
      next = Promise.withResolvers()
      await next.promise
    }
    for (let round = 0; round < 5; round++) {
      gateway.swap(FILE.replace('maxBodyBytes: 100', `maxBodyBytes: ${300 + round}`))
      await gateway.says('the routes are those of gateway.yaml now', 13 + round)
      next = Promise.withResolvers()
      await next.promise
    }
    gateway.swap(FILE.replace('access: public', 'acess: public'))
    await gateway.says('the routes stay what they were: gateway.yaml is not taken', 2)
    done.abort()
    await Promise.all(callers)
    t.same(failures, [])
    t.equal((await ask('/orders', writer, { method: 'POST', body: 'x'.repeat(304) })).status, 200)
    t.equal((await ask('/orders', writer, { method: 'POST', body: 'x'.repeat(305) })).status, 413)
  })

  t.equal(await gateway.stop(), 0)
})
