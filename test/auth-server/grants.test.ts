import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose'
import t from 'tap'
import {
  claimsOf,
  exchange,
  FACTS,
  ISSUER,
  login,
  refresh,
  startServer,
  token
} from '../support/authorization-server.ts'

t.test(
  'the password grant gives a gateway token that verifies with the published keys, and a refresh token',
  async t => {
    const { app } = await startServer(t)
    const { status, body, headers } = await login(app)
    t.equal(status, 200)
    t.equal(headers['cache-control'], 'no-store')
    const keys = (await app.inject('/oauth2/jwks')).json() as JSONWebKeySet
    const { payload, protectedHeader } = await jwtVerify(body.access_token, createLocalJWKSet(keys), {
      issuer: ISSUER,
      audience: 'sallyport-gateway',
      typ: 'at+jwt',
      algorithms: ['ES256']
    })
    t.equal(payload.sub, FACTS.users.customer1.subject)
    t.match(payload, {
      client_id: 'gateway',
      roles: ['CUSTOMER'],
      sid: String,
      jti: String,
      txn: String,
      status: { status_list: { idx: Number, uri: String } }
    })
    t.equal(payload.exp! - payload.iat!, 300)
    t.equal(protectedHeader.kid, keys.keys[0]?.kid)
    t.notOk(body.scope.includes('admin'), 'a customer does not qualify for admin')
    t.type(body.refresh_token, 'string')
    t.equal(body.token_type, 'Bearer')
  }
)

t.test('O-27: an access token has the claims of RFC 9068, one audience, a unique jti and no personal data', async t => {
  const { app } = await startServer(t)
  const first = claimsOf((await login(app)).body.access_token)
  const second = claimsOf((await login(app)).body.access_token)
  t.strictSame(Object.keys(first).sort(), [
    'aud',
    'client_id',
    'exp',
    'iat',
    'iss',
    'jti',
    'roles',
    'scope',
    'sid',
    'status',
    'sub',
    'txn'
  ])
  t.type(first.aud, 'string')
  t.not(first.jti, second.jti)
  t.notMatch(JSON.stringify(first), /customer1/)
})

t.test('a role decides which scopes a user gets', async t => {
  const { app } = await startServer(t)
  t.match(
    (await login(app, 'admin1')).body.scope
      .split(' ')
      .filter(scope => ['admin', 'audit:read'].includes(scope))
      .sort(),
    ['admin', 'audit:read']
  )
  t.strictSame((await login(app, 'customer1', { scope: 'orders:read admin' })).body.scope, 'orders:read')
  const unknown = await login(app, 'customer1', { scope: 'everything' })
  t.match([unknown.status, unknown.body.error], [400, 'invalid_scope'])
})

t.test("O-20: a client uses only the grants on its list, and the password grant is the gateway's alone", async t => {
  const { app, events } = await startServer(t)
  const { username, password } = { username: 'customer1', password: FACTS.users.customer1.password }
  for (const client of ['machine-client', 'order-service', 'web-app']) {
    const refused = await token(app, client, { grant_type: 'password', username, password })
    t.match([refused.status, refused.body.error], [400, 'unauthorized_client'], client)
  }
  t.match(
    (await token(app, null, { client_id: 'native-app', grant_type: 'password', username, password })).body.error,
    'unauthorized_client'
  )
  t.match(events.at(-1), { stage: 'grant', outcome: 'denied', reason: 'grant-not-allowed' })
  t.match((await token(app, 'gateway', { grant_type: 'client_credentials' })).body.error, 'unauthorized_client')
  t.match((await token(app, 'gateway', { grant_type: 'urn:example:unknown' })).body.error, 'unsupported_grant_type')
})

t.test('O-21: client credentials give a token for the client itself and no refresh token', async t => {
  const { app } = await startServer(t)
  const { status, body } = await token(app, 'machine-client', {
    grant_type: 'client_credentials',
    scope: 'orders:read'
  })
  t.equal(status, 200)
  t.notOk('refresh_token' in body)
  const claims = claimsOf(body.access_token)
  t.match(claims, {
    sub: 'machine-client',
    client_id: 'machine-client',
    aud: 'sallyport-gateway',
    scope: 'orders:read',
    roles: []
  })
  t.notOk('sid' in claims)
  t.strictSame(
    claims.status,
    claimsOf((await token(app, 'machine-client', { grant_type: 'client_credentials' })).body.access_token).status,
    'one status position for the client'
  )
})

t.test('a service gets client credentials for the audiences on its list only', async t => {
  const { app } = await startServer(t)
  const good = await token(app, 'order-service', { grant_type: 'client_credentials', audience: 'restaurant-service' })
  t.match(claimsOf(good.body.access_token), { aud: 'restaurant-service', scope: 'restaurants:read restaurants:write' })
  for (const audience of ['delivery-service', 'auth-server', 'nowhere']) {
    t.match(
      (await token(app, 'order-service', { grant_type: 'client_credentials', audience })).body.error,
      'invalid_target',
      audience
    )
  }
  t.match(
    (await token(app, 'order-service', { grant_type: 'client_credentials' })).body.error,
    'invalid_target',
    'it has no default audience'
  )
  t.match(
    (
      await token(app, 'order-service', {
        grant_type: 'client_credentials',
        audience: 'restaurant-service',
        scope: 'deliveries:read'
      })
    ).body.error,
    'invalid_scope'
  )
})

t.test('a refresh gives a new access token and the next refresh token', async t => {
  const { app, clock } = await startServer(t)
  const first = (await login(app)).body
  clock.advance(200)
  const second = await refresh(app, first.refresh_token)
  t.equal(second.status, 200)
  t.not(second.body.refresh_token, first.refresh_token)
  const [before, after] = [claimsOf(first.access_token), claimsOf(second.body.access_token)]
  t.equal(after.sid, before.sid)
  t.not(after.jti, before.jti)
  t.equal(Number(after.exp) - Number(before.exp), 200)
})

t.test(
  'an exchange names the actor, narrows the scope and keeps subject, session, status, transaction and end',
  async t => {
    const { app, clock } = await startServer(t)
    const edge = (await login(app)).body.access_token
    clock.advance(100)
    const { status, body } = await exchange(app, edge, 'order-service')
    t.equal(status, 200)
    t.equal(body.issued_token_type, 'urn:ietf:params:oauth:token-type:access_token')
    t.notOk('refresh_token' in body)
    const [subject, exchanged] = [claimsOf(edge), claimsOf(body.access_token)]
    t.equal(body.expires_in, 200, 'no later than the subject token')
    t.match(exchanged, {
      aud: 'order-service',
      client_id: 'gateway',
      act: { sub: 'gateway' },
      scope: 'orders:read orders:write restaurants:read',
      roles: ['CUSTOMER']
    })
    for (const claim of ['iss', 'sub', 'sid', 'status', 'txn', 'exp']) {
      t.strictSame(exchanged[claim], subject[claim], claim)
    }

    const next = await exchange(app, body.access_token, 'restaurant-service', {}, 'order-service')
    t.strictSame(claimsOf(next.body.access_token).act, { sub: 'order-service', act: { sub: 'gateway' } })
    t.equal(next.body.scope, 'orders:write restaurants:read', 'what both tokens can carry')
    const last = await exchange(app, next.body.access_token, 'delivery-service', {}, 'restaurant-service')
    t.equal(last.body.scope, '', 'nothing is left, and that is said')
  }
)
