import { createHash, X509Certificate } from 'node:crypto'
import securityContext, { problemDetails, type Principal, type SecurityEvent } from '@sallyport/security-context'
import authentication, { createDpopNonces, type AuthenticationOptions } from '@sallyport/authentication'
import { createPeerAgent } from '@sallyport/secure-transport'
import Fastify, { type FastifyInstance } from 'fastify'
import * as oauth from 'oauth4webapi'
import t, { type Test } from 'tap'
import { request as send } from 'undici'
import { makeAuthority } from '../../support/certificates.ts'
import { dpopKey, dpopProof, hashOfToken } from '../../support/dpop.ts'
import { AUDIENCE, clock, fixedKeys, goodClaims, ISSUER, issuerKey, NOW, signToken } from '../../support/issuer.ts'
import { httpServer } from './support/servers.ts'

const ORIGIN = 'https://api.example'
const ALGORITHMS = 'algs="ES256 EdDSA RS256 PS256"'
const issuer = issuerKey('ES256')
const key = dpopKey()
const bound = signToken(issuer, goodClaims({ cnf: { jkt: key.thumbprint } }))
const plain = signToken(issuer)
const options: AuthenticationOptions = {
  issuer: ISSUER,
  audience: AUDIENCE,
  keys: fixedKeys(issuer),
  clock,
  dpop: { origin: ORIGIN }
}

async function buildApp(
  t: Test,
  more: Partial<AuthenticationOptions> = {},
  app: FastifyInstance = Fastify()
): Promise<{ app: FastifyInstance; events: SecurityEvent[] }> {
  t.teardown(() => app.close())
  const events: SecurityEvent[] = []
  await app.register(securityContext)
  await app.register(problemDetails)
  app.addHook('onResponse', async request => {
    events.push(...request.securityEvents)
  })
  await app.register(authentication, { ...options, ...more })
  app.get('/orders', async request => ({ subject: request.principal?.subject, token: request.accessToken }))
  app.post('/orders', async () => ({}))
  return { app, events }
}

const claims = (changes: Record<string, unknown> = {}): Record<string, unknown> => ({
  htm: 'GET',
  htu: `${ORIGIN}/orders`,
  iat: NOW,
  ath: hashOfToken(bound),
  ...changes
})
const get = async (app: FastifyInstance, proof: string | string[] | undefined, token = bound, url = '/orders') =>
  await app.inject({
    url,
    headers: {
      authorization: `DPoP ${token}`,
      host: 'internal.example:8080',
      ...(proof !== undefined && { dpop: proof })
    }
  })

t.test('O-34: a bound token with its proof reaches the route, whatever the Host header and the query say', async t => {
  const { app, events } = await buildApp(t)
  const answer = await get(app, dpopProof(key, claims()), bound, '/orders?page=2')
  t.equal(answer.statusCode, 200)
  t.same(answer.json(), { subject: goodClaims()['sub'], token: bound })
  t.match(events, [{ outcome: 'success', reason: 'authenticated', detail: { strategy: 'dpop' } }])
  t.equal(
    (await app.inject({ url: '/orders', headers: { authorization: `Bearer ${plain}` } })).statusCode,
    200,
    'plain bearer tokens go on'
  )
})

t.test('O-34: a proof that is not for this request, token and key is refused', async t => {
  const { app, events } = await buildApp(t)
  const other = dpopKey()
  const cases: ReadonlyArray<readonly [reason: string, error: string, proof: string | undefined, token?: string]> = [
    ['proof-malformed', 'invalid_dpop_proof', undefined],
    ['proof-malformed', 'invalid_dpop_proof', `${dpopProof(key, claims())}, ${dpopProof(key, claims())}`],
    ['proof-method-mismatch', 'invalid_dpop_proof', dpopProof(key, claims({ htm: 'POST' }))],
    [
      'proof-url-mismatch',
      'invalid_dpop_proof',
      dpopProof(key, claims({ htu: 'https://internal.example:8080/orders' }))
    ],
    ['proof-url-mismatch', 'invalid_dpop_proof', dpopProof(key, claims({ htu: `${ORIGIN}/orders/1` }))],
    ['proof-expired', 'invalid_dpop_proof', dpopProof(key, claims({ iat: NOW - 66 }))],
    ['proof-token-mismatch', 'invalid_dpop_proof', dpopProof(key, claims({ ath: undefined }))],
    ['proof-token-mismatch', 'invalid_dpop_proof', dpopProof(key, claims({ ath: hashOfToken(plain) }))],
    ['proof-key-mismatch', 'invalid_dpop_proof', dpopProof(other, claims())],
    ['token-not-bound', 'invalid_token', dpopProof(key, claims({ ath: hashOfToken(plain) })), plain],
    [
      'token-expired',
      'invalid_token',
      dpopProof(key, claims()),
      signToken(issuer, goodClaims({ exp: NOW - 100, cnf: { jkt: key.thumbprint } }))
    ]
  ]
  for (const [reason, error, proof, token = bound] of cases) {
    const answer = await get(app, proof, token)
    t.equal(answer.statusCode, 401, reason)
    t.equal(
      answer.headers['www-authenticate'],
      `DPoP realm="${AUDIENCE}", ${ALGORITHMS}, error="${error}", Bearer realm="${AUDIENCE}"`
    )
    t.match(events.at(-1), { outcome: 'denied', reason, detail: { strategy: 'dpop' } })
  }
  t.equal((await get(app, 'x')).json().code, 'SALLYPORT_AUTHENTICATION_PROOF_INVALID')
})

t.test('O-34: a path that begins with two slashes names no other host', async t => {
  const { app, events } = await buildApp(t)
  app.get('//evil.example/orders', async () => 'here')
  await get(app, dpopProof(key, claims({ htu: 'https://evil.example/orders' })), bound, '//evil.example/orders')
  t.match(events.at(-1), { outcome: 'denied', reason: 'proof-url-mismatch' })
})

t.test('O-34: a proof works once, and only a request that is right in everything else uses it up', async t => {
  const { app, events } = await buildApp(t)
  const proof = dpopProof(key, claims())
  t.equal(
    (await app.inject({ method: 'POST', url: '/orders', headers: { authorization: `DPoP ${bound}`, dpop: proof } }))
      .statusCode,
    401
  )
  t.equal((await get(app, proof)).statusCode, 200)
  t.equal((await get(app, proof)).statusCode, 401)
  t.match(events.at(-1), { reason: 'proof-replayed' })
  const same = dpopProof(key, claims({ jti: 'one' }))
  const answers = await Promise.all([same, same, same].map(async proof => (await get(app, proof)).statusCode))
  t.same(answers.sort(), [200, 401, 401])
  const another = dpopKey()
  const token = signToken(issuer, goodClaims({ cnf: { jkt: another.thumbprint } }))
  t.equal(
    (await get(app, dpopProof(another, claims({ jti: 'one', ath: hashOfToken(token) })), token)).statusCode,
    200,
    'the same id from another key is another proof'
  )
})

t.test('O-34: the memory of proofs is bounded and can be shared; a store that does not answer refuses', async t => {
  const small = await buildApp(t, { dpop: { origin: ORIGIN, maxRemembered: 2 } })
  const proofs = [1, 2, 3].map(id => dpopProof(key, claims({ jti: `p${id}` })))
  for (const proof of proofs) t.equal((await get(small.app, proof)).statusCode, 200)
  t.equal((await get(small.app, proofs[2])).statusCode, 401)
  t.equal((await get(small.app, proofs[0])).statusCode, 200, 'forgotten before its time')

  const seen = new Map<string, number>()
  const replays = {
    record: async (id: string, expiresAtMs: number) => !seen.has(id) && seen.set(id, expiresAtMs).size > 0
  }
  const [one, two] = await Promise.all([
    buildApp(t, { dpop: { origin: ORIGIN, replays } }),
    buildApp(t, { dpop: { origin: ORIGIN, replays } })
  ])
  const proof = dpopProof(key, claims())
  t.same([(await get(one.app, proof)).statusCode, (await get(two.app, proof)).statusCode], [200, 401])
  t.match([...seen], [[/^[\w-]{43}$/, (NOW + 65) * 1000]])
  const broken = await buildApp(t, {
    dpop: {
      origin: ORIGIN,
      replays: {
        record: async () => {
          throw new Error('away')
        }
      }
    }
  })
  t.equal((await get(broken.app, dpopProof(key, claims()))).statusCode, 500)
})

t.test('O-34: where nonces are given each proof needs a fresh one, and each refusal brings it', async t => {
  let now = NOW * 1000
  const nonces = createDpopNonces({ keys: [Buffer.alloc(32, 1)], clock: () => now })
  const { app } = await buildApp(t, { dpop: { origin: ORIGIN, nonces } })
  const refused = await get(app, dpopProof(key, claims()))
  t.equal(refused.statusCode, 401)
  t.match(refused.headers['www-authenticate'], /^DPoP .*error="use_dpop_nonce"/)
  const nonce = refused.headers['dpop-nonce']
  t.equal((await get(app, dpopProof(key, claims({ nonce })))).statusCode, 200)
  now += 300_000
  t.equal((await get(app, dpopProof(key, claims({ nonce })))).statusCode, 401, 'an old one')
  t.throws(() => createDpopNonces({ keys: [] }), { code: 'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID' })
})

t.test('nonces follow a ring that is a function', t => {
  let ring = [Buffer.alloc(32, 1)]
  const followed = createDpopNonces({ keys: () => ring, clock: () => NOW })
  const old = followed.current()
  ring = [Buffer.alloc(32, 2), ...ring]
  t.equal(followed.isFresh(old), true, 'the older key still recognises its nonces')
  t.not(followed.current(), old)
  ring = [Buffer.alloc(32, 2)]
  t.equal(followed.isFresh(old), false, 'until it leaves the ring')
  t.end()
})

t.test('V21: a bound token is refused as a plain bearer token, with and without the options for proofs', async t => {
  const proof = dpopProof(key, claims())
  const certificate = signToken(issuer, goodClaims({ cnf: { 'x5t#S256': hashOfToken('x') } }))
  for (const dpop of [{ dpop: { origin: ORIGIN } }, {}]) {
    const app = Fastify()
    const { keys, ...rest } = { issuer: ISSUER, audience: AUDIENCE, keys: fixedKeys(issuer), clock }
    t.teardown(() => app.close())
    await app.register(securityContext)
    const events: SecurityEvent[] = []
    app.addHook('onResponse', async request => {
      events.push(...request.securityEvents)
    })
    await app.register(authentication, { ...rest, keys, ...dpop })
    app.get('/orders', async () => ({}))
    for (const token of [bound, bound, certificate]) {
      const { statusCode } = await app.inject({
        url: '/orders',
        headers: { authorization: `Bearer ${token}`, dpop: proof }
      })
      t.equal(statusCode, 401)
      t.match(events.at(-1), { outcome: 'denied', reason: 'confirmation-unproven' })
    }
    t.equal(
      (
        await app.inject({
          url: '/orders',
          headers: { authorization: `DPoP ${bound}`, dpop: dpopProof(key, claims()) }
        })
      ).statusCode,
      'dpop' in dpop ? 200 : 401
    )
    await t.rejects(
      app.tokenVerifier.verify(bound),
      { code: 'SALLYPORT_AUTHENTICATION_TOKEN_INVALID' },
      'also for code that verifies by itself'
    )
  }
})

t.test('V21: what a token is bound to has to be known here and confirmed in full', async t => {
  const { app, events } = await buildApp(t, { certificateBound: true })
  const cases: ReadonlyArray<readonly [cnf: unknown, reason: string]> = [
    [{}, 'confirmation-unproven'],
    ['x', 'claim-invalid'],
    [{ jkt: key.thumbprint, kid: 'x' }, 'confirmation-unproven'],
    [{ jwk: key.publicJwk }, 'confirmation-unproven'],
    [{ jkt: 7 }, 'proof-key-mismatch'],
    [{ jkt: key.thumbprint, 'x5t#S256': hashOfToken('x') }, 'certificate-mismatch'],
    [{ 'x5t#S256': null }, 'certificate-mismatch']
  ]
  for (const [cnf, reason] of cases) {
    const token = signToken(issuer, goodClaims({ cnf }))
    t.equal((await get(app, dpopProof(key, claims({ ath: hashOfToken(token) })), token)).statusCode, 401)
    t.match(events.at(-1), { outcome: 'denied', reason }, JSON.stringify(cnf))
  }
  for (const thumbprint of [null, '', hashOfToken('x')]) {
    const token = signToken(issuer, goodClaims({ cnf: { 'x5t#S256': thumbprint } }))
    t.equal((await app.inject({ url: '/orders', headers: { authorization: `Bearer ${token}` } })).statusCode, 401)
    t.match(events.at(-1), { reason: 'certificate-mismatch' }, 'a connection without a certificate has no thumbprint')
  }
})

t.test("V21: an app's own verifier that knows nothing of bound tokens lets none through", async t => {
  const principal = { subject: 'alice', claims: { cnf: { jkt: key.thumbprint } } } as unknown as Principal
  const app = Fastify()
  t.teardown(() => app.close())
  app.decorateRequest('principal', null)
  await app.register(authentication, { verifier: { verify: async () => principal }, dpop: { origin: ORIGIN } })
  app.get('/orders', async () => ({}))
  t.equal((await app.inject({ url: '/orders', headers: { authorization: `Bearer ${bound}` } })).statusCode, 401)
  t.equal((await get(app, dpopProof(key, claims()))).statusCode, 401)
})

t.test('V21: a token bound to a certificate works on a connection with that certificate and on no other', async t => {
  const authority = await makeAuthority()
  const [server, own, foreign] = await Promise.all([
    authority.issue({ names: ['localhost'] }),
    authority.issue({ names: ['one'] }),
    authority.issue({ names: ['two'] })
  ])
  const thumbprint = createHash('sha256').update(new X509Certificate(own.certificate).raw).digest('base64url')
  const https = { key: server.privateKey, cert: server.certificate, ca: authority.certificate, requestCert: true }
  const { app, events } = await buildApp(
    t,
    { certificateBound: true },
    Fastify({ https }) as unknown as FastifyInstance
  )
  const { port } = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
  const certificateBound = signToken(issuer, goodClaims({ cnf: { 'x5t#S256': thumbprint } }))
  const both = signToken(issuer, goodClaims({ cnf: { 'x5t#S256': thumbprint, jkt: key.thumbprint } }))
  const call = async (certificate: typeof own, headers: Record<string, string>): Promise<number> => {
    const dispatcher = createPeerAgent({
      ca: authority.certificate,
      addresses: { localhost: '127.0.0.1' },
      certificate: certificate.certificate,
      privateKey: certificate.privateKey
    })
    const { statusCode, body } = await send(`https://localhost:${port}/orders`, { dispatcher, headers })
    await body.dump()
    await dispatcher.close()
    return statusCode
  }
  const bearer = { authorization: `Bearer ${certificateBound}` }
  t.equal(await call(own, bearer), 200)
  t.equal(await call(foreign, bearer), 401)
  t.match(events.at(-1), { outcome: 'denied', reason: 'certificate-mismatch' })
  t.equal(
    await call(foreign, {
      ...bearer,
      'x-forwarded-client-cert': own.certificate.replaceAll('\n', ' '),
      'client-cert': thumbprint
    }),
    401,
    'no header speaks for a certificate'
  )
  t.equal(await call(own, { authorization: `DPoP ${certificateBound}` }), 401, 'it is not bound to a DPoP key')
  t.match(events.at(-1), { reason: 'token-not-bound' })
  const dpop = () => ({ authorization: `DPoP ${both}`, dpop: dpopProof(key, claims({ ath: hashOfToken(both) })) })
  t.equal(await call(own, dpop()), 200)
  t.equal(await call(foreign, dpop()), 401, 'both keys have to be proven')
  t.equal(await call(own, { authorization: `Bearer ${both}` }), 401)
})

t.test(
  'V21: a bound opaque token needs its proof on every request, also when the answer about it is remembered',
  async t => {
    const answer = {
      active: true,
      token_type: 'DPoP',
      aud: AUDIENCE,
      sub: 'alice',
      exp: NOW + 100,
      cnf: { jkt: key.thumbprint }
    }
    const endpoint = await httpServer(t, (_request, response) => {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
    })
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(securityContext)
    await app.register(authentication, {
      clock,
      dpop: { origin: ORIGIN },
      introspection: { endpoint, clientId: 'c', clientSecret: 's', audience: AUDIENCE, clock }
    })
    app.get('/orders', async request => request.principal?.subject)
    const proof = () => dpopProof(key, claims({ ath: hashOfToken('opaque') }))
    t.equal((await get(app, proof(), 'opaque')).body, 'alice')
    t.equal((await get(app, undefined, 'opaque')).statusCode, 401)
    t.equal(
      (await app.inject({ url: '/orders', headers: { authorization: 'Bearer opaque', dpop: proof() } })).statusCode,
      401
    )
    t.equal((await get(app, proof(), 'opaque')).body, 'alice')
  }
)

t.test('bearer tokens can be switched off, so that only bound ones are taken', async t => {
  const { app } = await buildApp(t, { bearer: false })
  t.equal((await get(app, dpopProof(key, claims()))).statusCode, 200)
  const refused = await app.inject({ url: '/orders', headers: { authorization: `Bearer ${plain}` } })
  t.equal(refused.statusCode, 401)
  t.equal(refused.headers['www-authenticate'], `DPoP realm="${AUDIENCE}", ${ALGORITHMS}`)
})

t.test('mistakes in the options for proofs are named at boot', async t => {
  const dpop = {
    origin: 'https://api.example/path',
    maxAgeSeconds: 301,
    clockToleranceSeconds: 61,
    maxRemembered: 0,
    algorithms: ['HS256']
  }
  await t.rejects(buildApp(t, { dpop }), {
    code: 'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID',
    message: /origin.*maxAgeSeconds.*clockToleranceSeconds.*maxRemembered.*algorithms/
  })
})

t.test('oauth4webapi calls a protected resource with DPoP', async t => {
  const pair = await oauth.generateKeyPair('ES256')
  const DPoP = oauth.DPoP({}, pair)
  const app = Fastify()
  const { port } = await (async () => {
    await buildApp(t, { dpop: { origin: 'http://127.0.0.1:1' }, clock: Date.now }, app)
    return new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
  })()
  const now = Math.floor(Date.now() / 1000)
  const token = signToken(
    issuer,
    goodClaims({ iat: now, exp: now + 60, cnf: { jkt: await DPoP.calculateThumbprint() } })
  )
  const url = new URL('http://127.0.0.1:1/orders')
  const forward = async (
    _url: string,
    { headers }: { headers?: ConstructorParameters<typeof Headers>[0] }
  ): Promise<Response> => await fetch(`http://127.0.0.1:${port}/orders`, { headers: new Headers(headers) })
  const response = await oauth.protectedResourceRequest(token, 'GET', url, new Headers(), null, {
    DPoP,
    [oauth.customFetch]: forward,
    [oauth.allowInsecureRequests]: true
  })
  t.equal(response.status, 200)
})
