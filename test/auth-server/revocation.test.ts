import { inflateSync } from 'node:zlib'
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { clusterUrl, connect } from '../support/database.ts'
import {
  claimsOf,
  exchange,
  introspect,
  ISSUER,
  login,
  post,
  refresh,
  startServer,
  token
} from '../support/authorization-server.ts'

interface Reference {
  readonly idx: number
  readonly uri: string
}
const referenceOf = (jwt: string): Reference => (claimsOf(jwt).status as { status_list: Reference }).status_list

/** The bit of a token in the published list, which is verified first. */
async function isRevoked(app: FastifyInstance, jwt: string): Promise<boolean> {
  const { idx, uri } = referenceOf(jwt)
  const response = await app.inject(new URL(uri).pathname)
  const keys = createLocalJWKSet((await app.inject('/oauth2/jwks')).json() as JSONWebKeySet)
  const { payload } = await jwtVerify<{ status_list: { bits: number; lst: string } }>(response.body, keys, {
    typ: 'statuslist+jwt',
    subject: uri,
    issuer: ISSUER
  })
  const bits = inflateSync(Buffer.from(payload.status_list.lst, 'base64url'))
  return ((bits[idx >> 3]! >> (idx & 7)) & 1) === 1
}

t.test('O-23: revoking a refresh token ends its session, and the status list of every instance shows it', async t => {
  const { app, another, clock, events } = await startServer(t)
  const second = await another()
  const { access_token: edge, refresh_token: refreshToken = '' } = (await login(app)).body
  const exchanged = (await exchange(app, edge, 'order-service')).body.access_token
  for (const instance of [app, second]) t.notOk(await isRevoked(instance, edge))
  const revoked = await post(app, '/oauth2/revoke', 'gateway', { token: refreshToken, token_type_hint: 'access_token' })
  t.match([revoked.status, revoked.text], [200, '{}'], 'a wrong hint does not matter')
  t.match(events.at(-1), { stage: 'revocation', outcome: 'success', reason: 'refresh-token-revoked' })
  clock.advance(0.1)
  for (const instance of [app, second]) t.ok(await isRevoked(instance, edge), 'within 100 ms of the commit')
  t.ok(await isRevoked(app, exchanged), 'an exchanged token has the same position')
  t.match((await refresh(app, refreshToken)).body.error, 'invalid_grant')
  t.strictSame(await introspect(app, edge), { active: false })
  t.equal((await post(app, '/oauth2/revoke', 'gateway', { token: refreshToken })).status, 200, 'again')
})

t.test("O-23: an unknown token is answered 200, and another client's token is left as it is", async t => {
  const { app, events } = await startServer(t)
  t.equal((await post(app, '/oauth2/revoke', 'gateway', { token: 'unknown' })).status, 200)
  t.equal((await post(app, '/oauth2/revoke', 'gateway', { token: 'a.b.c', token_type_hint: 'something' })).status, 200)
  const { access_token: edge, refresh_token: refreshToken = '' } = (await login(app)).body
  for (const value of [edge, refreshToken]) {
    t.match(await post(app, '/oauth2/revoke', 'web-app', { token: value }), {
      status: 400,
      body: { error: 'invalid_grant' }
    })
    t.match(events.at(-1), { stage: 'revocation', outcome: 'denied', reason: 'token-foreign' })
  }
  t.notOk(await isRevoked(app, edge))
  t.equal((await refresh(app, refreshToken)).status, 200)
  t.match(await post(app, '/oauth2/revoke', null, { token: refreshToken }), {
    status: 401,
    body: { error: 'invalid_client' }
  })
  t.match(await post(app, '/oauth2/revoke', 'gateway', {}), { status: 400, body: { error: 'invalid_request' } })
})

t.test("revoking an access token revokes all of its session's, and the session refreshes to a good one", async t => {
  const { app, clock } = await startServer(t)
  const { access_token: edge, refresh_token: refreshToken = '' } = (await login(app)).body
  t.equal((await post(app, '/oauth2/revoke', 'gateway', { token: edge })).status, 200)
  clock.advance(0.1)
  t.ok(await isRevoked(app, edge))
  t.strictSame(await introspect(app, edge), { active: false })
  const renewed = (await refresh(app, refreshToken)).body.access_token
  t.notOk(await isRevoked(app, renewed))
  t.match(await introspect(app, renewed), { active: true })
})

t.test("revoking a machine token revokes the client's tokens, and the next one is good", async t => {
  const { app, clock } = await startServer(t)
  for (const client of ['machine-client', 'opaque-client']) {
    const first = (await token(app, client, { grant_type: 'client_credentials' })).body.access_token
    t.match(await introspect(app, first), { active: true, sub: client })
    t.equal((await post(app, '/oauth2/revoke', client, { token: first })).status, 200)
    clock.advance(0.1)
    t.strictSame(await introspect(app, first), { active: false })
    t.match(await introspect(app, (await token(app, client, { grant_type: 'client_credentials' })).body.access_token), {
      active: true
    })
  }
})

t.test('O-23: with the database gone a revocation answers 503 with Retry-After and claims nothing', async t => {
  const { app, events, db, clock } = await startServer(t)
  const { access_token: edge, refresh_token: refreshToken = '' } = (await login(app)).body
  const {
    rows: [{ name }]
  } = await db.raw('select current_database() as name')
  await db.destroy()
  const operator = connect(clusterUrl(), 1)
  t.teardown(async () => {
    await operator.destroy()
  })
  await operator.raw('alter database ?? with allow_connections false', [name])
  await operator.raw('select pg_terminate_backend(pid) from pg_stat_activity where datname = ?', [name])
  for (const [path, form] of [
    ['/oauth2/revoke', { token: refreshToken }],
    ['/oauth2/introspect', { token: 'x' }],
    ['/oauth2/token', { grant_type: 'refresh_token', refresh_token: refreshToken }]
  ] as const) {
    const answer = await post(app, path, 'gateway', form)
    t.match([answer.status, answer.headers['retry-after'], answer.body.access_token], [503, /^\d$/, undefined], path)
  }
  t.match(events.at(-1), { outcome: 'failure', reason: 'storage-unavailable' })
  clock.advance(1)
  for (const path of [
    '/oauth2/jwks',
    new URL(referenceOf(edge).uri).pathname,
    '/.well-known/oauth-authorization-server',
    '/sessions'
  ]) {
    const { statusCode, headers, body } = await app.inject({ url: path, headers: { authorization: `Bearer ${edge}` } })
    t.match([statusCode, headers['retry-after'], body], [503, '5', /SALLYPORT_STORAGE_UNAVAILABLE/], path)
  }
  await operator.raw('alter database ?? with allow_connections true', [name])
  t.equal((await refresh(app, refreshToken)).status, 200, 'and works again without a restart')
})

t.test('O-22: introspection tells a resource server about its own tokens only, and nothing about others', async t => {
  const { app, clock } = await startServer(t)
  const edge = (await login(app)).body
  const exchanged = (await exchange(app, edge.access_token, 'order-service')).body.access_token
  t.match(await introspect(app, edge.access_token), {
    active: true,
    token_type: 'Bearer',
    iss: ISSUER,
    aud: 'sallyport-gateway',
    client_id: 'gateway',
    sub: String,
    exp: Number,
    iat: Number,
    jti: String,
    scope: String
  })
  t.match(await introspect(app, exchanged, 'order-service'), {
    active: true,
    aud: 'order-service',
    act: { sub: 'gateway' }
  })
  for (const [value, client] of [
    [exchanged, 'gateway'],
    [edge.access_token, 'order-service'],
    [edge.access_token, 'machine-client'],
    [edge.refresh_token ?? '', 'gateway'],
    ['unknown', 'gateway']
  ] as const) {
    t.strictSame(await introspect(app, value, client), { active: false })
  }
  clock.advance(300)
  t.strictSame(await introspect(app, edge.access_token), { active: false }, 'expired')
  t.equal((await post(app, '/oauth2/introspect', null, { token: edge.access_token })).status, 401)
  t.equal(
    (await post(app, '/oauth2/introspect', null, { client_id: 'native-app', token: edge.access_token })).status,
    401,
    'a public client'
  )
  t.equal((await app.inject('/oauth2/introspect')).statusCode, 404)
  t.equal((await post(app, '/oauth2/introspect', 'gateway', { token: 'x' })).headers['cache-control'], 'no-store')
})

t.test(
  'O-28: the status list is signed, has sub, ttl, exp and random positions, and answers conditional requests',
  async t => {
    const { app, clock } = await startServer(t)
    const positions = []
    for (let n = 0; n < 6; n++) positions.push(referenceOf((await login(app)).body.access_token))
    const sorted = positions.map(({ idx }) => idx)
    t.notSame(
      sorted,
      [...sorted].sort((a, b) => a - b).map((_, n) => sorted[0]! + n),
      'not in sequence'
    )
    const path = new URL(positions[0]!.uri).pathname
    const first = await app.inject(path)
    t.match(first.headers, { 'content-type': 'application/statuslist+jwt', etag: /^W\// })
    t.match(claimsOf(first.body), {
      sub: positions[0]!.uri,
      ttl: 1,
      iat: Number,
      exp: Number,
      status_list: { bits: 1, lst: String }
    })
    const etag = first.headers.etag as string
    clock.advance(1)
    const same = await app.inject({ url: path, headers: { 'if-none-match': etag } })
    t.match([same.statusCode, same.body], [304, ''])
    clock.advance(600)
    t.equal(
      (await app.inject({ url: path, headers: { 'if-none-match': etag } })).statusCode,
      200,
      'signed anew before it expires'
    )
    t.equal((await app.inject('/oauth2/status-lists/unknown')).statusCode, 404)
    t.equal((await app.inject('/oauth2/status-lists/..%2f%00')).statusCode, 404)
  }
)

t.test('when a status list is half full, a new one is opened', async t => {
  const { app, db } = await startServer(t, { statusListSize: 8 })
  await db('status_lists').update({ open: false })
  for (let n = 0; n < 24; n++) t.equal((await login(app)).status, 200)
  const { rows } = await db.raw(
    'select list_id, count(*)::int as taken from status_indexes join status_lists on id = list_id where size = 8 group by list_id'
  )
  t.ok(rows.length >= 3)
  t.equal(
    rows.reduce((sum: number, { taken }: { taken: number }) => sum + taken, 0),
    24
  )
})
