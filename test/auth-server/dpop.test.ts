import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import t from 'tap'
import { dpopKey, dpopProof, hashOfToken, type DpopKey } from '../support/dpop.ts'
import {
  basic,
  claimsOf,
  FACTS,
  introspect,
  ISSUER,
  login,
  secretOf,
  startServer,
  token,
  type TestServer,
  type TokenAnswer
} from '../support/authorization-server.ts'
import { fetchOf } from '../support/fetch-of.ts'

const MACHINE = { grant_type: 'client_credentials' }
const key = dpopKey()

interface DpopAnswer {
  readonly status: number
  readonly body: TokenAnswer
  readonly nonce: string | undefined
  readonly text: string
}

async function post(
  app: TestServer['app'],
  proof: string,
  form: Record<string, string> = MACHINE,
  client: string | null = 'machine-client'
): Promise<DpopAnswer> {
  const response = await app.inject({
    method: 'POST',
    url: '/oauth2/token',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      dpop: proof,
      ...(client === null ? {} : { authorization: basic(client) })
    },
    payload: new URLSearchParams(form).toString()
  })
  return {
    status: response.statusCode,
    body: response.json(),
    nonce: response.headers['dpop-nonce'] as string | undefined,
    text: response.body
  }
}

const nonceOf = async (app: TestServer['app']): Promise<string> => (await post(app, 'x')).nonce ?? ''

function claims(
  server: TestServer,
  nonce: string | undefined,
  changes: Record<string, unknown> = {}
): Record<string, unknown> {
  return { htm: 'POST', htu: `${ISSUER}/oauth2/token`, iat: Math.floor(server.clock.ms / 1000), nonce, ...changes }
}

t.test('O-34: a token for a proof is of type DPoP and bound to the key of the proof', async t => {
  const server = await startServer(t)
  const nonce = await nonceOf(server.app)
  for (const algorithm of ['ES256', 'EdDSA', 'RS256', 'PS256']) {
    const own = dpopKey(algorithm)
    const { status, body, nonce: next } = await post(server.app, dpopProof(own, claims(server, nonce)))
    t.match([status, body.token_type], [200, 'DPoP'], algorithm)
    t.strictSame(claimsOf(body.access_token).cnf, { jkt: own.thumbprint })
    t.match(await introspect(server.app, body.access_token), {
      active: true,
      token_type: 'DPoP',
      cnf: { jkt: own.thumbprint }
    })
    t.match(next, /^[\w-]{30}$/, 'the next nonce comes with the answer')
  }
  const opaque = await post(server.app, dpopProof(key, claims(server, nonce)), MACHINE, 'opaque-client')
  t.match([opaque.status, opaque.body.token_type], [200, 'DPoP'])
  const again = await post(
    server.app,
    dpopProof(key, claims(server, nonce, { htu: `${ISSUER.replace('localhost', 'LOCALHOST')}/oauth2/token?a=b#c` }))
  )
  t.equal(again.status, 200, 'the URL is compared in its normal form, without its query')
  t.strictSame(
    (await server.app.inject('/.well-known/oauth-authorization-server')).json().dpop_signing_alg_values_supported,
    ['ES256', 'EdDSA', 'RS256', 'PS256']
  )
})

t.test('O-34: a proof without a fresh nonce of this server is answered with one', async t => {
  const server = await startServer(t)
  const second = await server.another()
  const answer = await post(server.app, dpopProof(key, claims(server, undefined)))
  t.match(answer, { status: 400, body: { error: 'use_dpop_nonce' } })
  t.match(server.events.at(-1), { outcome: 'denied', reason: 'proof-nonce-required' })
  const { nonce = '' } = answer
  t.equal((await post(second, dpopProof(key, claims(server, nonce)))).status, 200, 'another instance knows it')
  const forged = `${nonce.slice(0, -2)}${nonce.endsWith('AA') ? 'BB' : 'AA'}`
  for (const wrong of [forged, '', 'x', 7]) {
    t.equal(
      (await post(server.app, dpopProof(key, claims(server, undefined, { nonce: wrong })))).body.error,
      'use_dpop_nonce'
    )
  }
  server.clock.advance(299)
  t.equal((await post(server.app, dpopProof(key, claims(server, nonce)))).status, 200)
  server.clock.advance(1)
  t.equal((await post(server.app, dpopProof(key, claims(server, nonce)))).body.error, 'use_dpop_nonce', 'an old one')
  const foreign = await server.another({ sealingKeys: `k9:${Buffer.alloc(32, 'k9').toString('base64url')}` })
  t.equal(
    (await post(server.app, dpopProof(key, claims(server, await nonceOf(foreign))))).body.error,
    'use_dpop_nonce',
    'of other keys'
  )
  const rotated = await server.another({
    sealingKeys: `k9:${Buffer.alloc(32, 'k9').toString('base64url')} k1:${Buffer.alloc(32, 'k7').toString('base64url')}`
  })
  t.equal(
    (await post(rotated, dpopProof(key, claims(server, await nonceOf(server.app))))).status,
    200,
    'of an older key of the ring'
  )
  const lenient = await server.another({ dpopNonceRequired: false })
  t.equal((await post(lenient, dpopProof(key, claims(server, undefined)))).status, 200)
  t.equal(
    (await post(lenient, dpopProof(key, claims(server, forged)))).body.error,
    'use_dpop_nonce',
    'a wrong one is wrong also where none is needed'
  )
})

t.test('O-34: a proof that is not exactly for this request is refused', async t => {
  const server = await startServer(t)
  const nonce = await nonceOf(server.app)
  const now = Math.floor(server.clock.ms / 1000)
  const proof = (changes: Record<string, unknown>, header: Record<string, unknown> = {}, own: DpopKey = key): string =>
    dpopProof(own, claims(server, nonce, changes), header)
  const good = proof({})
  const privateJwk = key.privateKey.export({ format: 'jwk' })
  const cases: ReadonlyArray<readonly [reason: string, proof: string]> = [
    ['proof-malformed', 'x'],
    ['proof-malformed', `${good}, ${proof({})}`],
    ['proof-type-mismatch', proof({}, { typ: 'JWT' })],
    ['proof-algorithm-not-allowed', proof({}, { alg: 'none' })],
    ['proof-algorithm-not-allowed', proof({}, { alg: 'HS256' })],
    ['proof-algorithm-not-allowed', dpopProof(dpopKey('ES384'), claims(server, nonce))],
    ['proof-key-invalid', proof({}, { jwk: undefined })],
    ['proof-key-invalid', proof({}, { jwk: privateJwk })],
    ['proof-key-invalid', proof({}, { jwk: { kty: 'oct', k: 'AAAA' } })],
    ['proof-key-invalid', proof({}, { alg: 'EdDSA' })],
    ['proof-signature-invalid', proof({}, { jwk: dpopKey().publicJwk })],
    ['proof-signature-invalid', proof({}, { crit: ['x'] })],
    ['proof-method-mismatch', proof({ htm: 'post' })],
    ['proof-method-mismatch', proof({ htm: undefined })],
    ['proof-url-mismatch', proof({ htu: `${ISSUER}/oauth2/revoke` })],
    ['proof-url-mismatch', proof({ htu: 'https://elsewhere.example/oauth2/token' })],
    ['proof-url-mismatch', proof({ htu: undefined })],
    ['proof-expired', proof({ iat: now - 66 })],
    ['proof-expired', proof({ iat: now + 10 })],
    ['proof-expired', proof({ iat: undefined })],
    ['proof-id-invalid', proof({ jti: undefined })],
    ['proof-id-invalid', proof({ jti: 'x'.repeat(300) })]
  ]
  const answers = new Set<string>()
  for (const [reason, value] of cases) {
    const { status, text } = await post(server.app, value)
    answers.add(`${status} ${text}`)
    t.match(server.events.at(-1), { outcome: 'denied', reason }, reason)
  }
  t.strictSame([...answers], ['400 {"error":"invalid_dpop_proof","error_description":"The DPoP proof is not valid"}'])
  t.equal((await post(server.app, good)).status, 200)
})

t.test('O-34: a proof works once, on whichever instance', async t => {
  const server = await startServer(t)
  const second = await server.another()
  const proof = dpopProof(key, claims(server, await nonceOf(server.app)))
  const answers = await Promise.all([server.app, second, server.app, second].map(async app => await post(app, proof)))
  t.strictSame(answers.map(({ status }) => status).sort(), [200, 400, 400, 400])
  t.equal(server.events.filter(({ reason }) => reason === 'proof-replayed').length, 3)
})

t.test('O-34: the request that asks for a nonce uses nothing up', async t => {
  const server = await startServer(t)
  const { nonce } = await post(server.app, dpopProof(key, claims(server, undefined)))
  t.equal(Number((await server.db('replayed_ids').count('*').first())?.count), 0)
  const wrong = await post(server.app, dpopProof(key, claims(server, nonce)), { ...MACHINE, client_id: 'nobody' }, null)
  t.equal(wrong.status, 401)
  t.equal(Number((await server.db('replayed_ids').count('*').first())?.count), 0, 'only an authenticated client writes')
})

t.test('O-34: a client whose tokens are always bound gets none without a proof', async t => {
  const server = await startServer(t)
  await server.db('clients').where({ id: 'machine-client' }).update({ dpop_bound_tokens: true })
  t.match(await token(server.app, 'machine-client', MACHINE), { status: 400, body: { error: 'invalid_dpop_proof' } })
  t.equal((await post(server.app, dpopProof(key, claims(server, await nonceOf(server.app))))).status, 200)
})

t.test('O-34: a refresh token of a public client works with its key only', async t => {
  const server = await startServer(t)
  const { refresh_token: refreshToken = '' } = (await login(server.app)).body
  await server
    .db('sessions')
    .where({ user_id: FACTS.users.customer1.subject })
    .update({ client_id: 'native-app', confirmation: JSON.stringify({ jkt: key.thumbprint }) })
  const form = { grant_type: 'refresh_token', client_id: 'native-app', refresh_token: refreshToken }
  const nonce = await nonceOf(server.app)
  t.match(await token(server.app, null, form), { status: 400, body: { error: 'invalid_grant' } })
  t.match(await post(server.app, dpopProof(dpopKey(), claims(server, nonce)), form, null), {
    status: 400,
    body: { error: 'invalid_grant' }
  })
  t.equal(server.events.at(-1)?.reason, 'refresh-token-key')
  const refreshed = await post(server.app, dpopProof(key, claims(server, nonce)), form, null)
  t.match([refreshed.status, refreshed.body.token_type], [200, 'DPoP'])
  t.strictSame(claimsOf(refreshed.body.access_token).cnf, { jkt: key.thumbprint })
  t.equal(
    (
      await post(
        server.app,
        dpopProof(key, claims(server, nonce)),
        { ...form, refresh_token: refreshed.body.refresh_token ?? '' },
        null
      )
    ).status,
    200
  )
})

t.test(
  "O-34: this server's own resources take a bound token with its proof and not as a plain bearer token",
  async t => {
    const server = await startServer(t)
    const nonce = await nonceOf(server.app)
    const session = (await login(server.app)).body
    const form = {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: session.access_token,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      audience: 'auth-server'
    }
    const { access_token: bound } = (await post(server.app, dpopProof(key, claims(server, nonce)), form, 'gateway'))
      .body
    t.equal(
      (await server.app.inject({ url: '/sessions', headers: { authorization: `Bearer ${bound}` } })).statusCode,
      401
    )
    t.equal(server.events.at(-1)?.reason, 'confirmation-unproven')
    const proof = dpopProof(
      key,
      claims(server, nonce, { htm: 'GET', htu: `${ISSUER}/sessions`, ath: hashOfToken(bound) })
    )
    const get = async (app = server.app) =>
      await app.inject({ url: '/sessions', headers: { authorization: `DPoP ${bound}`, dpop: proof } })
    t.equal((await get()).json().sessions.length, 1)
    t.equal((await get(await server.another())).statusCode, 401, 'once, on whichever instance')
    t.equal(server.events.at(-1)?.reason, 'proof-replayed')
  }
)

t.test('oauth4webapi and openid-client get DPoP tokens, nonce and all', async t => {
  const { app } = await startServer(t)
  const options = { [oauth.customFetch]: fetchOf(app) }
  const url = new URL(ISSUER)
  const as = await oauth.processDiscoveryResponse(
    url,
    await oauth.discoveryRequest(url, { ...options, algorithm: 'oauth2' })
  )
  const client = { client_id: 'machine-client' }
  const DPoP = oauth.DPoP({}, await oauth.generateKeyPair('ES256'))
  const request = async () =>
    await oauth.processClientCredentialsResponse(
      as,
      client,
      await oauth.clientCredentialsGrantRequest(
        as,
        client,
        oauth.ClientSecretBasic(secretOf('machine-client')),
        {},
        { ...options, DPoP }
      )
    )
  const first = await request().catch((error: unknown) => error)
  t.ok(oauth.isDPoPNonceError(first))
  const granted = await request()
  t.match(granted, { token_type: 'dpop' })
  t.strictSame(claimsOf(granted.access_token).cnf, { jkt: await DPoP.calculateThumbprint() })

  const configuration = await openid.discovery(
    url,
    'machine-client',
    {},
    openid.ClientSecretBasic(secretOf('machine-client')),
    { [openid.customFetch]: fetchOf(app), algorithm: 'oauth2' }
  )
  const handle = openid.getDPoPHandle(configuration, await openid.randomDPoPKeyPair())
  t.match(await openid.clientCredentialsGrant(configuration, {}, { DPoP: handle }), { token_type: 'dpop' })
})

t.test('a proof by a clock that differs is taken within the tolerance that is set', async t => {
  const server = await startServer(t, { clockToleranceSeconds: 30 })
  const early = async (seconds: number): Promise<number> => {
    const iat = Math.floor(server.clock.ms / 1000) + seconds
    return (await post(server.app, dpopProof(key, claims(server, await nonceOf(server.app), { iat })))).status
  }
  t.same([await early(30), await early(31)], [200, 400])
})
