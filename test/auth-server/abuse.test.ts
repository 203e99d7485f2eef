import { randomBytes } from 'node:crypto'
import { inflateSync } from 'node:zlib'
import { argon2id, postgresStore, type Store } from '@sallyport/auth-server'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { connect } from '../support/database.ts'
import {
  basic,
  claimsOf,
  exchange,
  FACTS,
  introspect,
  ISSUER,
  login,
  post,
  refresh,
  startServer,
  token
} from '../support/authorization-server.ts'
import { authorized, authorizeUrl, browser, pkce, requestOf, WEB_APP } from '../support/browser.ts'
import { codeFlow } from './support/code-flow.ts'

interface Reference {
  readonly idx: number
  readonly uri: string
}

/** The bit of a token in the status list that the server publishes now. */
async function isRevoked(app: FastifyInstance, jwt: string): Promise<boolean> {
  const {
    status_list: { idx, uri }
  } = claimsOf(jwt).status as { status_list: Reference }
  const { status_list: list } = claimsOf((await app.inject(new URL(uri).pathname)).body) as unknown as {
    status_list: { lst: string }
  }
  return ((inflateSync(Buffer.from(list.lst, 'base64url')).readUInt8(idx >> 3) >> (idx & 7)) & 1) === 1
}

const adminToken = async (app: FastifyInstance): Promise<string> =>
  (await exchange(app, (await login(app, 'admin1')).body.access_token, 'auth-server')).body.access_token

async function call(
  app: FastifyInstance,
  accessToken: string,
  method: 'GET' | 'POST' | 'PUT',
  url: string,
  payload?: object
): Promise<{ status: number; headers: Record<string, unknown>; body: Record<string, unknown> }> {
  const response = await app.inject({
    method,
    url,
    headers: { authorization: `Bearer ${accessToken}` },
    ...(payload === undefined ? {} : { payload })
  })
  return {
    status: response.statusCode,
    headers: response.headers,
    body: response.body === '' ? {} : response.json<Record<string, unknown>>()
  }
}

function gate(): { readonly reached: Promise<void>; readonly pass: () => Promise<void>; readonly open: () => void } {
  const reached = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<void>()
  return {
    reached: reached.promise,
    open: opened.resolve,
    pass: async () => {
      reached.resolve()
      await opened.promise
    }
  }
}

t.test('O-23: revocations of different sessions at the same time do not wait for each other in a circle', async t => {
  const { app } = await startServer(t)
  const tokens: string[] = []
  for (let n = 0; n < 8; n++) tokens.push((await login(app, n % 2 === 0 ? 'customer1' : 'customer2')).body.access_token)
  const revoked = await Promise.all(
    tokens.map(async token => (await post(app, '/oauth2/revoke', 'gateway', { token })).status)
  )
  t.strictSame(
    revoked,
    tokens.map(() => 200)
  )
  const users = ['customer1', 'customer2', 'restaurant1'] as const
  const admin = await adminToken(app)
  for (const user of users) await login(app, user)
  const changed = await Promise.all(
    users.map(
      async user =>
        (await call(app, admin, 'PUT', `/admin/users/${FACTS.users[user].subject}/roles`, { roles: ['CUSTOMER'] }))
          .status
    )
  )
  t.strictSame(changed, [204, 204, 204])
})

t.test(
  "O-23: revocations of one client's own tokens, and rotations of its secrets, at the same time are one after the other",
  async t => {
    const { app, db } = await startServer(t)
    const tokens = await Promise.all(
      Array.from(
        { length: 6 },
        async () => (await token(app, 'machine-client', { grant_type: 'client_credentials' })).body.access_token
      )
    )
    t.strictSame(
      await Promise.all(
        tokens.map(async token => (await post(app, '/oauth2/revoke', 'machine-client', { token })).status)
      ),
      tokens.map(() => 200)
    )
    for (const token of tokens) t.equal(await isRevoked(app, token), true)
    const admin = await adminToken(app)
    const rotations = await Promise.all(
      Array.from(
        { length: 4 },
        async () =>
          (await call(app, admin, 'POST', '/admin/clients/machine-client/secrets', { overlapSeconds: 86_400 })).status
      )
    )
    t.strictSame(rotations, [201, 201, 201, 201])
    const secrets = await db<{ client_id: string; expires_at: Date | null }>('client_secrets')
      .where({ client_id: 'machine-client' })
      .select('expires_at')
    t.equal(
      secrets.filter(({ expires_at: expiresAt }) => expiresAt === null).length,
      1,
      'of all of them one has no end'
    )
  }
)

t.test('O-23: a second revocation of a token that another instance revoked first moves nothing any more', async t => {
  const { app, another, databaseUrl, clock } = await startServer(t)
  const pool = connect(databaseUrl, 5)
  t.teardown(async () => {
    await pool.destroy()
  })
  const real = postgresStore(pool)
  const late = gate()
  let isLate = false
  const transaction: Store['transaction'] = async work => {
    if (isLate) await late.pass()
    return await real.transaction(work)
  }
  const slow = await another({}, { store: { ...real, transaction } })
  const { access_token: edge, refresh_token: refreshToken } = (await login(app)).body
  isLate = true
  const second = post(slow, '/oauth2/revoke', 'gateway', { token: edge })
  await late.reached
  t.equal((await post(app, '/oauth2/revoke', 'gateway', { token: edge })).status, 200)
  const between = (await refresh(app, refreshToken)).body
  late.open()
  t.equal((await second).status, 200)
  clock.advance(1)
  t.equal((await introspect(app, between.access_token)).active, true, 'a token that nobody revoked')
  t.equal((await post(app, '/oauth2/revoke', 'gateway', { token: between.refresh_token ?? '' })).status, 200)
  clock.advance(1)
  t.equal(await isRevoked(app, between.access_token), true, 'and which ends with its session')
})

t.test(
  "O-23: what cannot be revoked is said, and left as it is: an id token, and a token by exchange, whose position is another client's",
  async t => {
    const { app } = await startServer(t)
    const { tokens } = await codeFlow(app)
    t.match(await post(app, '/oauth2/revoke', 'web-app', { token: tokens.id_token ?? '' }), {
      status: 400,
      body: { error: 'unsupported_token_type' }
    })
    const edge = (await login(app)).body.access_token
    const atOrders = (await exchange(app, edge, 'order-service')).body.access_token
    const atRestaurants = (await exchange(app, atOrders, 'restaurant-service', {}, 'order-service')).body.access_token
    t.match(await post(app, '/oauth2/revoke', 'order-service', { token: atRestaurants }), {
      status: 400,
      body: { error: 'unsupported_token_type' }
    })
    t.equal((await introspect(app, edge)).active, true)
  }
)

t.test('O-32: one source guessing without end does not keep the owner out from elsewhere', async t => {
  const { app, clock } = await startServer(t)
  let tries = 0
  let admitted = 0
  for (let second = 0; second < 1800; second += 5) {
    await token(app, 'gateway', {
      grant_type: 'password',
      username: 'customer1',
      password: 'a guess',
      source_address: '203.0.113.9'
    })
    clock.advance(4)
    if (second % 30 === 15) {
      tries++
      if ((await login(app, 'customer1', { source_address: '192.0.2.1' })).status === 200) admitted++
    }
    clock.advance(1)
  }
  t.equal(admitted, tries)
})

t.test('O-32: an account that has to wait does not fill the queue that others wait in', async t => {
  const { app } = await startServer(t, { passwordQueueLength: 8 })
  const guess = async (): Promise<number> =>
    (await token(app, 'gateway', { grant_type: 'password', username: 'customer1', password: 'a guess' })).status
  for (let n = 0; n < 6; n++) await guess()
  const flood = Promise.all(Array.from({ length: 60 }, guess))
  t.equal((await login(app, 'customer2')).status, 200)
  t.strictSame([...new Set(await flood)], [429])
})

t.test(
  'while a password is being hashed, a client that is disabled or a password that is changed gives no session',
  async t => {
    const changes: Array<readonly [path: string, method: 'POST' | 'PUT', payload?: object]> = [
      [`/admin/users/${FACTS.users.customer1.subject}/password`, 'PUT', { password: 'a new password of theirs' }],
      ['/admin/clients/gateway/disable', 'POST']
    ]
    for (const [path, method, payload] of changes) {
      const { app, another } = await startServer(t)
      const admin = await adminToken(app)
      const hashing = gate()
      let isHeld = false
      const slow = await another(
        {},
        {
          passwordHashFunction: {
            ...argon2id,
            verify: async (...input) => {
              const matches = await argon2id.verify(...input)
              if (isHeld) await hashing.pass()
              return matches
            }
          }
        }
      )
      isHeld = true
      const pending = login(slow)
      await hashing.reached
      t.equal((await call(app, admin, method, path, payload)).status, 204)
      hashing.open()
      t.match(await pending, { status: 400, body: { error: 'invalid_grant' } }, path)
      const { grant_types_supported: grants } = (await app.inject('/.well-known/oauth-authorization-server')).json<{
        grant_types_supported: string[]
      }>()
      t.equal(
        grants.includes('password'),
        payload !== undefined,
        'what only a disabled client could do is not advertised'
      )
    }
  }
)

t.test('where a user is, only a first-party client is believed', async t => {
  const { app, db } = await startServer(t)
  const { tokens } = await codeFlow(app)
  t.equal(
    (
      await token(app, 'web-app', {
        grant_type: 'refresh_token',
        refresh_token: tokens.refresh_token ?? '',
        source_address: '203.0.113.1',
        user_agent: 'a lie'
      })
    ).status,
    200
  )
  t.match(await db('sessions').select('source_address', 'user_agent'), [{ source_address: '127.0.0.1' }])
  t.notMatch(await db('sessions').select('user_agent'), [{ user_agent: 'a lie' }])
})

t.test('no access token outlives its session', async t => {
  const { app, clock } = await startServer(t, { loginAbsoluteSeconds: 20, loginIdleSeconds: 20 })
  const { access_token: first, refresh_token: refreshToken } = (await login(app)).body
  clock.advance(5)
  const { access_token: next, expires_in: expiresIn } = (await refresh(app, refreshToken)).body
  t.equal(expiresIn, 15)
  clock.advance(15)
  for (const accessToken of [first, next]) t.equal((await introspect(app, accessToken)).active, false)
})

t.test("O-13: of a client's secrets the two newest are live, however often they are rotated", async t => {
  const { app, clock } = await startServer(t)
  const admin = await adminToken(app)
  const secrets: string[] = []
  for (let n = 0; n < 4; n++) {
    secrets.push(
      String(
        (await call(app, admin, 'POST', '/admin/clients/machine-client/secrets', { overlapSeconds: 86_400 })).body
          .secret
      )
    )
    clock.advance(1)
  }
  const statuses = []
  for (const secret of secrets) {
    const { statusCode } = await app.inject({
      method: 'POST',
      url: '/oauth2/token',
      headers: { authorization: basic('machine-client', secret), 'content-type': 'application/x-www-form-urlencoded' },
      payload: 'grant_type=client_credentials'
    })
    statuses.push(statusCode)
  }
  t.strictSame(statuses, [401, 401, 200, 200])
})

t.test(
  'a client with a grant that does not exist, or with a NUL, is refused; answers about clients are not kept',
  async t => {
    const { app } = await startServer(t)
    const admin = await adminToken(app)
    for (const wanted of [
      { grantTypes: ['code'] },
      { grantTypes: [], name: 'a\0' },
      { grantTypes: [], scopes: ['a\0'] },
      { grantTypes: [], ownAudience: '\0' }
    ]) {
      t.match(await call(app, admin, 'POST', '/admin/clients', { id: 'wanted', ...wanted }), {
        status: 400,
        body: { code: 'SALLYPORT_AUTH_SERVER_VALUE_INVALID' }
      })
    }
    for (const path of ['/admin/clients', '/admin/users', '/admin/keys', '/sessions', '/admin/nothing']) {
      t.equal(
        (await call(app, admin, 'GET', path)).headers['cache-control'],
        path === '/admin/nothing' ? undefined : 'no-store',
        path
      )
    }
  }
)

t.test(
  'an assertion of a client with a NUL in its name, and an address with a port beyond all ports, are refused and no failure',
  async t => {
    const { app } = await startServer(t)
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    const assertion = `${part({ alg: 'ES256' })}.${part({ sub: 'a\0b', iss: 'a\0b', aud: ISSUER, exp: 9e9, jti: 'x' })}.${randomBytes(64).toString('base64url')}`
    const refused = await post(app, '/oauth2/token', null, {
      grant_type: 'client_credentials',
      client_assertion: assertion,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
    })
    t.match(refused, { status: 401, body: { error: 'invalid_client' } })
    const { statusCode } = await app.inject(
      authorizeUrl(
        requestOf(pkce().challenge, { client_id: 'native-app', redirect_uri: 'http://127.0.0.1:99999/callback' })
      )
    )
    t.equal(statusCode, 400)
  }
)

t.test('of a pushed request only what is read is stored, and of a user agent 256 characters', async t => {
  const { app, db } = await startServer(t)
  const pushed = {
    ...requestOf(pkce().challenge, { client_id: 'native-app', redirect_uri: 'http://127.0.0.1:9091/callback' }),
    filler: 'x'.repeat(1500)
  }
  t.equal((await post(app, '/oauth2/par', null, pushed)).status, 201)
  const [stored] = await db<{ parameters: Record<string, string> }>('pushed_requests').select('parameters')
  t.strictSame([stored?.parameters.filler, stored?.parameters.client_id], [undefined, 'native-app'])
  const user = browser(app)
  const { verifier, challenge } = pkce()
  const { answer } = await authorized(user, authorizeUrl(requestOf(challenge)))
  const { statusCode } = await app.inject({
    method: 'POST',
    url: '/oauth2/token',
    headers: {
      authorization: basic('web-app'),
      'user-agent': 'x'.repeat(3000),
      'content-type': 'application/x-www-form-urlencoded'
    },
    payload: new URLSearchParams({
      grant_type: 'authorization_code',
      code: answer.code ?? '',
      redirect_uri: WEB_APP.redirect_uri,
      code_verifier: verifier
    }).toString()
  })
  t.equal(statusCode, 200)
  const [session] = await db<{ user_agent: string }>('sessions').select('user_agent')
  t.equal(session?.user_agent.length, 256)
})
