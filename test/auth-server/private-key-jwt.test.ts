import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { admin, seedDemo } from '@sallyport/auth-server'
import type { FastifyInstance } from 'fastify'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import t, { type Test } from 'tap'
import { encode, issuerKey, signBytes, signHmac, type IssuerKey } from '../support/issuer.ts'
import { administration } from '../support/administration.ts'
import {
  CHEAP,
  exchange,
  FACTS,
  ISSUER,
  login,
  post,
  secretOf,
  startServer,
  token,
  type Answer,
  type TestServer
} from '../support/authorization-server.ts'
import { fetchOf } from '../support/fetch-of.ts'

const TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const KEYS = ['ES256', 'EdDSA', 'RS256', 'PS256'].map(algorithm => issuerKey(algorithm))
const [es256] = KEYS as [IssuerKey]

async function start(
  t: Test,
  jwks = KEYS.map(({ jwk }) => jwk),
  settings: Parameters<typeof startServer>[1] = {}
): Promise<TestServer> {
  const server = await startServer(t, settings)
  await admin.createClient(administration(server.db), {
    id: 'signing-client',
    grantTypes: ['client_credentials'],
    scopes: ['orders:read'],
    ownAudience: 'sallyport-gateway',
    defaultAudience: 'sallyport-gateway',
    authenticationMethods: ['private_key_jwt'],
    jwks
  })
  return server
}

function assertion(
  server: TestServer,
  changes: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
  key = es256
): string {
  const now = Math.floor(server.clock.ms / 1000)
  const claims = {
    iss: 'signing-client',
    sub: 'signing-client',
    aud: ISSUER,
    jti: randomUUID(),
    iat: now,
    exp: now + 60,
    ...changes
  }
  const input = `${encode({ alg: key.algorithm, kid: key.keyId, ...header })}.${encode(claims)}`
  return `${input}.${signBytes(key, input).toString('base64url')}`
}

const ask = async (app: FastifyInstance, assertion: string, more: Record<string, string> = {}): Promise<Answer> =>
  await token(app, null, {
    grant_type: 'client_credentials',
    client_assertion_type: TYPE,
    client_assertion: assertion,
    ...more
  })

t.test(
  'a client proves itself with each kind of key that is registered for it, with and without its id in the form',
  async t => {
    const server = await start(t)
    for (const key of KEYS) {
      t.match(
        await ask(server.app, assertion(server, {}, {}, key)),
        { status: 200, body: { token_type: 'Bearer', scope: 'orders:read' } },
        key.algorithm
      )
    }
    t.equal(
      (
        await ask(server.app, assertion(server, { aud: [ISSUER] }, { typ: 'client-authentication+jwt' }), {
          client_id: 'signing-client'
        })
      ).status,
      200
    )
    t.equal(
      (await ask(server.app, assertion(server, {}, { kid: undefined, typ: 'JWT' }))).status,
      200,
      'without kid, the only key of the algorithm'
    )
  }
)

t.test('a client whose clock differs is understood within the tolerance that is set, and no further', async t => {
  for (const clockToleranceSeconds of [5, 30]) {
    const server = await start(t, undefined, { clockToleranceSeconds })
    const now = Math.floor(server.clock.ms / 1000)
    const early = async (seconds: number): Promise<number> =>
      (await ask(server.app, assertion(server, { iat: now + seconds, nbf: now + seconds }))).status
    t.same([await early(clockToleranceSeconds), await early(clockToleranceSeconds + 1)], [200, 401])
    const late = async (seconds: number): Promise<number> =>
      (await ask(server.app, assertion(server, { iat: now - 60, exp: now - seconds }))).status
    t.same([await late(clockToleranceSeconds - 1), await late(clockToleranceSeconds + 1)], [200, 401])
  }
})

t.test('O-16: an unknown client and every bad assertion are the same answer', async t => {
  const server = await start(t)
  const now = Math.floor(server.clock.ms / 1000)
  const foreign = issuerKey('ES256', es256.keyId)
  const cases: Record<string, string> = {
    'client-assertion-signature': assertion(server, {}, {}, foreign),
    'client-assertion-key-unknown': assertion(server, {}, { kid: 'other' }),
    'client-assertion-type': assertion(server, {}, { typ: 'at+jwt' }),
    'client-assertion-issuer': assertion(server, { iss: 'gateway' }),
    'client-assertion-audience': assertion(server, { aud: `${ISSUER}/oauth2/token` }),
    'client-assertion-expired': assertion(server, { exp: now - 10 }),
    'client-assertion-lifetime': assertion(server, { exp: now + 3600 }),
    'client-assertion-early': assertion(server, { nbf: now + 30 }),
    'client-assertion-id': assertion(server, { jti: undefined }),
    'client-assertion-malformed': 'x.y.z',
    'client-authentication-method': assertion(server, { iss: 'gateway', sub: 'gateway' })
  }
  await server
    .db('clients')
    .where({ id: 'gateway' })
    .update({ jwks: JSON.stringify([es256.jwk]) })
  const wrong = [
    ...Object.entries(cases),
    ['client-assertion-key-unknown', assertion(server, { iss: 'nobody', sub: 'nobody' })],
    [
      'client-assertion-key-unknown',
      signHmac('x'.repeat(32), { iss: 'signing-client', sub: 'signing-client' }, { kid: es256.keyId })
    ],
    ['client-assertion-signature', assertion(server, {}, { crit: ['x'] })],
    ['client-assertion-signature', assertion(server, {}, { alg: 'EdDSA' })],
    ['client-assertion-audience', assertion(server, { aud: [ISSUER, 'https://elsewhere.example'] })],
    ['client-assertion-audience', assertion(server, { aud: undefined })],
    ['client-assertion-expired', assertion(server, { exp: undefined })],
    ['client-assertion-early', assertion(server, { iat: 'now' })]
  ] as const
  const answers = new Set<string>()
  for (const [reason, value] of wrong) {
    const { status, text, headers } = await ask(server.app, value)
    answers.add(JSON.stringify([status, text, headers['www-authenticate']]))
    t.match(server.events.at(-1), { stage: 'grant', outcome: 'denied', reason }, reason)
  }
  await server.db('clients').where({ id: 'signing-client' }).update({ disabled_at: new Date() })
  t.equal((await ask(server.app, assertion(server))).status, 401)
  t.match(server.events.at(-1), { reason: 'client-disabled' })
  await server.db('clients').where({ id: 'signing-client' }).update({ disabled_at: null })
  answers.add(
    JSON.stringify(
      await ask(server.app, assertion(server), { client_assertion_type: 'urn:other' }).then(
        ({ status, text, headers }) => [status, text, headers['www-authenticate']]
      )
    )
  )
  t.strictSame(
    [...answers].map(answer => (JSON.parse(answer) as unknown[])[0]),
    [401],
    'one answer'
  )
})

t.test('O-16: an assertion works once, on whichever instance, and what has expired is removed', async t => {
  const server = await start(t)
  const second = await server.another()
  const value = assertion(server)
  const answers = await Promise.all([server.app, second, server.app, second].map(async app => await ask(app, value)))
  t.strictSame(answers.map(({ status }) => status).sort(), [200, 401, 401, 401])
  t.equal(server.events.filter(({ reason }) => reason === 'client-assertion-replayed').length, 3)
  server.clock.advance(120)
  t.equal((await ask(server.app, value)).status, 401)
  t.equal((await ask(server.app, assertion(server))).status, 200)
  t.equal(
    Number((await server.db('replayed_ids').count('*').first())?.count),
    1,
    'only what can still be replayed is kept'
  )
})

t.test('O-17: an assertion beside another method is refused, and so is an assertion for another client id', async t => {
  const server = await start(t)
  const secret = { client_secret: secretOf('machine-client') }
  t.match(await ask(server.app, assertion(server), secret), { status: 400, body: { error: 'invalid_request' } })
  t.match(
    await token(server.app, 'machine-client', {
      grant_type: 'client_credentials',
      client_assertion_type: TYPE,
      client_assertion: assertion(server)
    }),
    { status: 400, body: { error: 'invalid_request' } }
  )
  t.match(await ask(server.app, assertion(server), { client_id: 'machine-client' }), {
    status: 400,
    body: { error: 'invalid_request' }
  })
  t.match(
    await token(server.app, null, {
      grant_type: 'client_credentials',
      client_id: 'signing-client',
      client_secret: 'x'.repeat(43)
    }),
    { status: 401 },
    'it has no secret'
  )
})

t.test('an assertion authenticates at introspection and revocation too', async t => {
  const server = await start(t)
  const { access_token: value } = (await ask(server.app, assertion(server))).body
  const form = () => ({ client_assertion_type: TYPE, client_assertion: assertion(server), token: value })
  t.match((await post(server.app, '/oauth2/introspect', null, form())).body, {
    active: true,
    client_id: 'signing-client'
  })
  t.equal((await post(server.app, '/oauth2/revoke', null, form())).status, 200)
  t.match((await post(server.app, '/oauth2/introspect', null, form())).body, { active: false })
})

t.test('a client whose keys cannot be used is not created', async t => {
  const server = await startServer(t)
  const refused = async (wanted: object, message: RegExp) =>
    await t.rejects(
      admin.createClient(administration(server.db), {
        id: 'c',
        grantTypes: [],
        authenticationMethods: ['private_key_jwt'],
        ...wanted
      }),
      { code: 'SALLYPORT_AUTH_SERVER_VALUE_INVALID', message }
    )
  await refused({}, /needs jwks/)
  await refused({ jwks: [{ ...es256.privateKey.export({ format: 'jwk' }), kid: 'k' }] }, /private key/)
  await refused(
    { jwks: [generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })] },
    /no key id/
  )
  await refused({ jwks: [issuerKey('ES384').jwk] }, /ES384 is not for assertions/)
  await refused({ confidential: false, jwks: [es256.jwk] }, /method none/)
})

t.test('a key is replaced with no failed request: the new one beside the old, then the old one away', async t => {
  const [old, fresh] = [issuerKey('ES256', 'old'), issuerKey('ES256', 'new')]
  const server = await start(t, [old.jwk])
  const set = async (jwks: Array<Record<string, unknown>>) =>
    await admin.setClientProof(administration(server.db), 'signing-client', { jwks })
  const works = async (key: IssuerKey) => (await ask(server.app, assertion(server, {}, {}, key))).status
  t.same([await works(old), await works(fresh)], [200, 401])
  await set([old.jwk, fresh.jwk])
  t.same([await works(old), await works(fresh)], [200, 200])
  t.equal(
    (await ask(server.app, assertion(server, {}, { kid: undefined }, old))).status,
    401,
    'without kid it cannot be known which is meant'
  )
  await set([fresh.jwk])
  t.same([await works(old), await works(fresh)], [401, 200])
  await t.rejects(set([]), { code: 'SALLYPORT_AUTH_SERVER_VALUE_INVALID' })
  await t.rejects(admin.setClientProof(administration(server.db), 'nobody', {}), {
    code: 'SALLYPORT_AUTH_SERVER_UNKNOWN'
  })
})

t.test('the demo data has clients with keys when the deployment gives the keys, and takes new ones', async t => {
  const server = await startServer(t)
  for (const key of [issuerKey('ES256', 'one'), issuerKey('ES256', 'two')]) {
    await seedDemo(
      server.db,
      {
        ...FACTS,
        clientKeys: {
          'assertion-client': { jwks: [key.jwk] },
          'mtls-client': { certificateSubject: { kind: 'uri', value: 'spiffe://sallyport.local/mtls-client' } }
        }
      },
      CHEAP
    )
    t.equal(
      (await ask(server.app, assertion(server, { iss: 'assertion-client', sub: 'assertion-client' }, {}, key))).status,
      200
    )
  }
})

t.test('an administrator registers keys over the API; only known members', async t => {
  const server = await start(t)
  const { access_token: edge } = (await login(server.app, 'admin1')).body
  const { access_token: value } = (await exchange(server.app, edge, 'auth-server')).body
  const fresh = issuerKey('ES256', 'fresh')
  const patch = async (payload: object, id = 'signing-client') =>
    await server.app.inject({
      method: 'PATCH',
      url: `/admin/clients/${id}/keys`,
      headers: { authorization: `Bearer ${value}` },
      payload
    })
  t.equal((await patch({ jwks: [fresh.jwk] })).statusCode, 204)
  t.equal((await ask(server.app, assertion(server, {}, {}, fresh))).status, 200)
  t.equal((await patch({ secret: 'x' })).statusCode, 400)
  t.equal((await patch({ jwks: [{ kty: 'oct', k: 'AAAA', kid: 'k' }] })).statusCode, 400)
  t.equal((await patch({}, 'nobody')).statusCode, 404)
})

t.test('oauth4webapi and openid-client authenticate with private_key_jwt', async t => {
  const key = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
  const { app } = await start(t, [
    { ...(await crypto.subtle.exportKey('jwk', key.publicKey)), key_ops: undefined, kid: 'k1', alg: 'ES256' }
  ])
  const options = { [oauth.customFetch]: fetchOf(app) }
  const url = new URL(ISSUER)
  const as = await oauth.processDiscoveryResponse(
    url,
    await oauth.discoveryRequest(url, { ...options, algorithm: 'oauth2' })
  )
  t.ok(as.token_endpoint_auth_methods_supported?.includes('private_key_jwt'))
  t.strictSame(as.token_endpoint_auth_signing_alg_values_supported, ['ES256', 'EdDSA', 'RS256', 'PS256'])
  const client = { client_id: 'signing-client' }
  const granted = await oauth.processClientCredentialsResponse(
    as,
    client,
    await oauth.clientCredentialsGrantRequest(
      as,
      client,
      oauth.PrivateKeyJwt({ key: key.privateKey, kid: 'k1' }),
      {},
      options
    )
  )
  t.match(granted, { scope: 'orders:read' })
  const configuration = await openid.discovery(url, 'signing-client', {}, openid.PrivateKeyJwt(key.privateKey), {
    [openid.customFetch]: fetchOf(app),
    algorithm: 'oauth2'
  })
  t.match(await openid.clientCredentialsGrant(configuration), { scope: 'orders:read' })
})
