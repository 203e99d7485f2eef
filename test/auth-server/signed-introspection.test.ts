import { createLocalJWKSet, jwtVerify } from 'jose'
import t from 'tap'
import {
  ACCESS_TOKEN_TYPE,
  basic,
  EXCHANGE,
  introspect,
  ISSUER,
  login,
  startServer,
  token,
  type TestServer
} from '../support/authorization-server.ts'

const SIGNED = 'application/token-introspection+jwt'

const ask = async ({ app }: TestServer, value: string, accept: string, client = 'gateway') =>
  await app.inject({
    method: 'POST',
    url: '/oauth2/introspect',
    headers: { 'content-type': 'application/x-www-form-urlencoded', authorization: basic(client), accept },
    payload: new URLSearchParams({ token: value }).toString()
  })

t.test('an introspection is answered as a signed JWT when it is asked for', async t => {
  const server = await startServer(t)
  const {
    body: { access_token: value }
  } = await login(server.app)
  const { statusCode, headers, body } = await ask(server, value, SIGNED)
  t.match(
    [statusCode, headers['content-type'], headers['cache-control'], headers.vary],
    [200, SIGNED, 'no-store', 'accept']
  )
  const keys = createLocalJWKSet((await server.app.inject('/oauth2/jwks')).json())
  const { payload, protectedHeader } = await jwtVerify(body, keys, {
    issuer: ISSUER,
    audience: 'gateway',
    typ: 'token-introspection+jwt',
    currentDate: new Date(server.clock.ms)
  })
  t.match(protectedHeader, { alg: 'ES256' })
  t.strictSame(payload.token_introspection, await introspect(server.app, value))
  t.strictSame(
    Object.keys(payload).sort(),
    ['aud', 'iat', 'iss', 'token_introspection'],
    'no sub and no exp: it is no token'
  )
})

t.test('O-22: a signed answer tells nothing more about a token that is not the caller’s', async t => {
  const server = await startServer(t)
  const {
    body: { access_token: value }
  } = await login(server.app)
  for (const [asked, client] of [
    [value, 'order-service'],
    ['unknown', 'gateway'],
    [value.slice(0, -2), 'gateway']
  ] as const) {
    const { body } = await ask(server, asked, SIGNED, client)
    t.strictSame(JSON.parse(Buffer.from(body.split('.')[1] ?? '', 'base64url').toString()).token_introspection, {
      active: false
    })
  }
  t.equal((await ask(server, value, SIGNED, 'nobody')).statusCode, 401)
})

t.test('what does not name the signed form gets JSON', async t => {
  const server = await startServer(t)
  const {
    body: { access_token: value }
  } = await login(server.app)
  for (const accept of [
    '*/*',
    'application/*',
    'application/json',
    `${SIGNED};q=0`,
    `${SIGNED}; q=0.000, application/json`,
    `${SIGNED}x`,
    `application/json;note="a, ${SIGNED}, b"`,
    `application/json;note="\\", ${SIGNED}`,
    `application/json;note=", ${SIGNED}, \\`,
    ''
  ]) {
    t.match((await ask(server, value, accept)).headers['content-type'], /^application\/json/, accept)
  }
  for (const accept of [
    `application/json;q=0.5, ${SIGNED}`,
    `${SIGNED}; q=0.1`,
    `application/json;note="a", ${SIGNED}`,
    SIGNED.toUpperCase()
  ]) {
    t.equal((await ask(server, value, accept)).headers['content-type'], SIGNED, accept)
  }
})

t.test('a signed introspection answer is no access token', async t => {
  const server = await startServer(t)
  const {
    body: { access_token: value }
  } = await login(server.app, 'admin1')
  const { body: answer } = await ask(server, value, SIGNED)
  t.equal(
    (await server.app.inject({ url: '/sessions', headers: { authorization: `Bearer ${answer}` } })).statusCode,
    401
  )
  t.strictSame(await introspect(server.app, answer), { active: false })
  t.equal(
    (
      await token(server.app, 'gateway', {
        grant_type: EXCHANGE,
        subject_token: answer,
        subject_token_type: ACCESS_TOKEN_TYPE,
        audience: 'order-service'
      })
    ).body.error,
    'invalid_request'
  )
})
