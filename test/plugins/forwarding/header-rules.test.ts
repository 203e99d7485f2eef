import t from 'tap'
import { ALICE, routesTo, startPlainService } from './support/table-app.ts'

t.test('a route passes and sets request headers; what it sets, the client cannot', async t => {
  const service = await startPlainService(t)
  const app = await routesTo(
    t,
    service,
    [
      {
        path: '/orders/*',
        requestHeaders: { pass: ['X-Tenant'], set: { 'X-Source': 'edge', 'Accept-Language': 'en' } }
      },
      { path: '/other/*' },
      { path: '/legacy/*', requestHeaders: { set: { Authorization: 'Basic c2VydmljZTpzZWNyZXQ=' } } }
    ],
    { defaults: { requestHeaders: { pass: ['x-everywhere'] } } }
  )
  const headers = {
    ...ALICE,
    'x-tenant': 't1',
    'x-everywhere': 'e',
    'x-source': 'client',
    'accept-language': 'fr',
    authorization: 'Bearer of-the-client'
  }
  for (const url of ['/orders/1', '/other/1', '/legacy/1']) await app.inject({ url, headers })
  const [orders, other, legacy] = service.seen.map(({ headers }) => headers)
  t.match(orders, { 'x-tenant': 't1', 'x-everywhere': 'e', 'x-source': 'edge', 'accept-language': 'en' })
  t.match(other, { 'x-everywhere': 'e', 'accept-language': 'fr' })
  for (const name of ['x-tenant', 'x-source', 'x-caller', 'authorization']) t.notOk(other?.[name], name)
  t.equal(orders?.authorization, undefined)
  t.equal(legacy?.authorization, 'Basic c2VydmljZTpzZWNyZXQ=')
})

t.test(
  'a route sets and removes response headers, and says how long answers are kept and what pages may do',
  async t => {
    const service = await startPlainService(t)
    let status = 200
    service.answer = (_request, response) => {
      const headers = { 'cache-control': 'private', 'x-inner': '1', 'x-kept': '1', 'content-security-policy': 'x' }
      response.writeHead(status, headers).end('{}')
    }
    const app = await routesTo(t, service, [
      {
        path: '/orders/*',
        cacheControl: 'public, max-age=60',
        contentSecurityPolicy: "default-src 'self'",
        responseHeaders: { set: { 'X-Edge': 'yes' }, remove: ['X-Inner'] }
      },
      { path: '/plain/*' }
    ])
    const { headers } = await app.inject({ url: '/orders/1', headers: ALICE })
    t.match(headers, {
      'cache-control': 'public, max-age=60',
      'content-security-policy': "default-src 'self'",
      'x-edge': 'yes',
      'x-kept': '1'
    })
    t.notOk(headers['x-inner'])
    t.match((await app.inject({ url: '/plain/1', headers: ALICE })).headers, {
      'cache-control': 'private',
      'content-security-policy': 'x',
      'x-inner': '1'
    })
    status = 404
    const failed = await app.inject({ url: '/orders/1', headers: ALICE })
    t.equal(failed.headers['cache-control'], 'private', 'an error is not kept for as long')
  }
)

t.test('the credential of a route goes on, and no other: exchanged, the caller’s own, or none', async t => {
  const service = await startPlainService(t)
  const asked: string[] = []
  const app = await routesTo(
    t,
    service,
    [
      { path: '/exchanged', forward: { audience: 'orders', scope: 'orders:read' } },
      { path: '/passed', forward: 'token' },
      { path: '/none' }
    ],
    {
      before: async app => {
        app.decorateRequest('exchangeToken', async (audience: string, scope?: string) => {
          asked.push(`${audience} ${scope}`)
          return 'exchanged-token'
        })
        app.decorateRequest('dropExchangedToken', (audience: string, scope?: string) => {
          asked.push(`drop ${audience} ${scope}`)
        })
      }
    }
  )
  const headers = { ...ALICE, 'x-token': 'callers-token', authorization: 'Bearer something-else', cookie: 'a=b' }
  for (const url of ['/exchanged', '/passed', '/none']) await app.inject({ url, headers })
  t.same(
    service.seen.map(({ headers: { authorization, cookie } }) => [authorization, cookie]),
    [
      ['Bearer exchanged-token', undefined],
      ['Bearer callers-token', undefined],
      [undefined, undefined]
    ]
  )
  t.match((await app.inject({ url: '/passed', headers: ALICE })).json(), {
    status: 403,
    code: 'SALLYPORT_FORWARDING_CALLER_TOKEN_MISSING'
  })
  service.answer = (_request, response) => {
    response.writeHead(401, { 'www-authenticate': 'Bearer' }).end('{}')
  }
  t.equal((await app.inject({ url: '/exchanged', headers })).statusCode, 503, 'not the fault of the client')
  t.equal((await app.inject({ url: '/passed', headers })).statusCode, 503)
  t.equal((await app.inject({ url: '/none', headers })).statusCode, 401, 'the service speaks of something else')
  t.same(asked, ['orders orders:read', 'orders orders:read', 'drop orders orders:read'])
})
