import t from 'tap'
import { request } from 'undici'
import { accessToken, failures, GOOD, startEdge } from '../support/edge.ts'

const LOGIN = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ username: 'customer1', password: 'wrong' })
} as const
const rejected = {
  password: async () => {
    throw Object.assign(new Error('no'), { code: 'SALLYPORT_TOKEN_REJECTED', statusCode: 401 })
  }
}

t.test('Basic credentials become a token at the edge, and the password goes no further', async t => {
  const token = await accessToken()
  const { url, orders, exchanges } = await startEdge(t, {
    tokenClient: {
      password: async () => ({ accessToken: token, refreshToken: 'r', expiresInSeconds: 300, scope: null })
    }
  })
  const authorization = `Basic ${Buffer.from('customer1:planted').toString('base64')}`
  t.equal((await request(`${url}/orders`, { headers: { authorization } })).statusCode, 200)
  t.equal(orders.received[0]!.headers.authorization, 'Bearer token-for-order-service')
  t.notMatch(orders.received[0]!.rawHeaders.join('\n'), /planted|Basic/)
  t.same(exchanges, [`${token} → order-service`])
})

t.test("tokens for another audience, and a service's own, are refused at the edge and recorded", async t => {
  const { app, url, orders, db, events } = await startEdge(t)
  for (const claims of [
    { aud: 'order-service' },
    { aud: 'auth-server' },
    { iss: 'https://evil.example' },
    { exp: 1 }
  ]) {
    const { statusCode, headers } = await request(`${url}/orders`, {
      headers: { authorization: `Bearer ${await accessToken(claims)}` }
    })
    t.equal(statusCode, 401)
    t.match(headers['www-authenticate'], /Bearer/)
  }
  t.equal(orders.received.length, 0)
  t.equal(failures(events).length, 4)
  await app.sealAudit()
  const rows = await db('audit_events').select('outcome', 'process', 'repeats')
  t.match(
    rows,
    rows.map(() => ({ outcome: 'denied', process: 'reference-gateway' }))
  )
  t.equal(
    rows.reduce((sum, { repeats }) => sum + repeats, 0),
    4,
    'each is counted, one row for those of one kind'
  )
})

t.test('logins from one source are limited, with a time to wait', async t => {
  const { url, events } = await startEdge(t, { settings: { loginsPerMinute: 2 }, tokenClient: rejected })
  t.equal((await request(`${url}/login`, LOGIN)).statusCode, 401)
  t.equal(
    (await request(`${url}/login`, { ...LOGIN, headers: { ...LOGIN.headers, 'x-forwarded-for': '203.0.113.9' } }))
      .statusCode,
    401
  )
  const { statusCode, headers, body } = await request(`${url}/login`, {
    ...LOGIN,
    headers: { ...LOGIN.headers, 'x-forwarded-for': '203.0.113.10' }
  })
  t.equal(statusCode, 429)
  t.match(await body.json(), { code: 'SALLYPORT_GATEWAY_LOGIN_THROTTLED' })
  t.ok(Number(headers['retry-after']) > 0)
  t.notOk(headers['x-ratelimit-remaining'])
  t.equal(failures(events).at(-1), 'session denied login-throttled')
  t.equal((await request(`${url}/orders`, { headers: GOOD })).statusCode, 200, 'other routes are not')
})

t.test('a login body that does not match its schema is refused, not coerced', async t => {
  const { url } = await startEdge(t, { tokenClient: rejected })
  for (const body of [{ username: 5, password: 'x' }, { username: 'a', password: 'b', extra: 1 }, { username: 'a' }]) {
    t.equal(
      (await request(`${url}/login`, { ...LOGIN, body: JSON.stringify(body) })).statusCode,
      400,
      JSON.stringify(body)
    )
  }
})

t.test("the gateway's audit trail is for administrators with the scope", async t => {
  const { url } = await startEdge(t)
  t.equal((await request(`${url}/audit/reference-gateway`)).statusCode, 401)
  t.equal((await request(`${url}/audit/reference-gateway`, { headers: GOOD })).statusCode, 403)
  const admin = await accessToken({ roles: ['ADMIN'], scope: 'audit:read' })
  t.equal(
    (await request(`${url}/audit/reference-gateway`, { headers: { authorization: `Bearer ${admin}` } })).statusCode,
    200
  )
})

t.test('G-14: health is not on the edge, and an unknown path is a 404 in Problem Details', async t => {
  const { url, app } = await startEdge(t)
  for (const path of ['/health/live', '/health/ready', '/metrics', '/openapi.json', '/documentation', '/unknown']) {
    const { statusCode, body } = await request(url + path, { headers: GOOD })
    t.equal(statusCode, 404, path)
    t.match(await body.json(), { code: 'SALLYPORT_CONTEXT_NOT_FOUND' })
  }
  t.equal((await app.operations.inject('/health/live')).statusCode, 200)
})

t.test("the gateway's own answers carry security headers", async t => {
  const { url } = await startEdge(t)
  const { headers } = await request(`${url}/orders`)
  t.match(headers, { 'x-content-type-options': 'nosniff', 'x-frame-options': 'SAMEORIGIN' })
  t.notOk(headers['strict-transport-security'], 'plain HTTP on loopback')
})
