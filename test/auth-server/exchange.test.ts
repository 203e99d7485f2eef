import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { SignJWT } from 'jose'
import { admin, parseKeyRing } from '@sallyport/auth-server'
import { LONGEST_ACTOR_CHAIN } from '@sallyport/security-context'
import t from 'tap'
import { administration } from '../support/administration.ts'
import {
  ACCESS_TOKEN_TYPE,
  claimsOf,
  exchange,
  EXCHANGE,
  FACTS,
  login,
  post,
  SETTINGS,
  startServer,
  token
} from '../support/authorization-server.ts'

const refusal = (error: string) => ({ status: 400, body: { error } })

t.test('O-24: a client exchanges for the audiences on its list only', async t => {
  const { app, events } = await startServer(t)
  const edge = (await login(app)).body.access_token
  for (const audience of ['nowhere', 'sallyport-gateway', 'Order-Service']) {
    t.match(await exchange(app, edge, audience), refusal('invalid_target'), audience)
  }
  t.match(events.at(-1), { stage: 'grant', outcome: 'denied', reason: 'audience-not-allowed' })
  const toOrders = (await exchange(app, edge, 'order-service')).body.access_token
  t.match(await exchange(app, toOrders, 'delivery-service', {}, 'order-service'), refusal('invalid_target'))
  t.match(
    await token(app, 'machine-client', {
      grant_type: EXCHANGE,
      subject_token: edge,
      subject_token_type: ACCESS_TOKEN_TYPE,
      audience: 'order-service'
    }),
    refusal('unauthorized_client')
  )
})

t.test('O-24: a client exchanges only tokens that were meant for itself', async t => {
  const { app, events } = await startServer(t)
  const edge = (await login(app)).body.access_token
  t.match(
    await exchange(app, edge, 'restaurant-service', {}, 'order-service'),
    refusal('invalid_request'),
    "the gateway's token at a service"
  )
  t.match(events.at(-1), { reason: 'subject-audience-mismatch' })
})

t.test('O-24: a subject token that is changed, foreign, expired, revoked or no access token is refused', async t => {
  const { app, clock, events, db } = await startServer(t)
  const { access_token: edge, refresh_token: refreshToken = '' } = (await login(app)).body
  const [header, payload, signature] = edge.split('.') as [string, string, string]
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string }
  const forged = await new SignJWT(claimsOf(edge))
    .setProtectedHeader({ typ: 'at+jwt', alg: 'ES256', kid })
    .sign(privateKey)
  const none = Buffer.from('{"typ":"at+jwt","alg":"none"}').toString('base64url')
  const more = Buffer.from(JSON.stringify({ ...claimsOf(edge), scope: 'admin' })).toString('base64url')
  const list = await app.inject(
    new URL((claimsOf(edge).status as { status_list: { uri: string } }).status_list.uri).pathname
  )
  const bad = {
    'another key': forged,
    'changed claims': `${header}.${more}.${signature}`,
    'no algorithm': `${none}.${payload}.`,
    'no signature': `${header}.${payload}.`,
    'zero signature': `${header}.${payload}.${Buffer.alloc(64).toString('base64url')}`,
    'four parts': `${edge}.x`,
    padding: `${edge}=`,
    'a refresh token': refreshToken,
    'a status list token': list.body,
    'nothing like a token': 'x',
    'too long': 'x'.repeat(9000)
  }
  for (const [what, subject] of Object.entries(bad)) {
    t.match(await exchange(app, subject, 'order-service'), refusal('invalid_request'), what)
  }
  clock.advance(300)
  t.match(await exchange(app, edge, 'order-service'), refusal('invalid_request'), 'expired')
  t.match(events.at(-1), { reason: 'subject-token-expired' })

  const session = (await login(app)).body
  await post(app, '/oauth2/revoke', 'gateway', { token: session.refresh_token ?? '' })
  t.match(await exchange(app, session.access_token, 'order-service'), refusal('invalid_request'), 'session ended')
  t.match(events.at(-1), { reason: 'subject-session-ended' })
  const disabled = (await login(app)).body
  await db('users').where({ id: FACTS.users.customer1.subject }).update({ disabled_at: new Date() })
  t.match(await exchange(app, disabled.access_token, 'order-service'), refusal('invalid_request'), 'user disabled')
})

t.test('O-24: a token of another type, signed with the right key, is no subject token', async t => {
  const { app, db } = await startServer(t)
  const edge = (await login(app)).body.access_token
  const { kid, private_key_sealed: sealed } = await db('signing_keys').first()
  const key = createPrivateKey({
    key: parseKeyRing(SETTINGS.sealingKeys).unseal(`sallyport signing key ${String(kid)}`, sealed),
    format: 'der',
    type: 'pkcs8'
  })
  const signed = async (typ: string, more: object = {}): Promise<string> =>
    await new SignJWT({ ...claimsOf(edge), ...more }).setProtectedHeader({ typ, alg: 'ES256', kid }).sign(key)
  t.equal((await exchange(app, await signed('at+jwt'), 'order-service')).status, 200, 'the type it has to have')
  for (const typ of ['JWT', 'statuslist+jwt', 'logout+jwt', 'AT+JWT']) {
    t.match(await exchange(app, await signed(typ), 'order-service'), refusal('invalid_request'), typ)
  }
  for (const more of [
    { iss: 'https://other.example' },
    { sub: 5 },
    { aud: ['sallyport-gateway'] },
    { exp: '9999999999' },
    { roles: 'ADMIN' },
    { scope: ['admin'] },
    { sub: FACTS.users.admin1.subject }
  ]) {
    t.match(
      await exchange(app, await signed('at+jwt', more), 'order-service'),
      refusal('invalid_request'),
      JSON.stringify(more)
    )
  }
})

t.test('O-24: an exchange only narrows', async t => {
  const { app } = await startServer(t)
  const edge = (await login(app, 'customer1', { scope: 'orders:read restaurants:read' })).body.access_token
  t.equal((await exchange(app, edge, 'order-service')).body.scope, 'orders:read restaurants:read')
  t.equal((await exchange(app, edge, 'order-service', { scope: 'orders:read' })).body.scope, 'orders:read')
  for (const scope of ['orders:write', 'deliveries:read', 'admin']) {
    t.match(await exchange(app, edge, 'order-service', { scope }), refusal('invalid_scope'), scope)
  }
})

t.test('O-24: impersonation, actor tokens, resources and other token types are refused', async t => {
  const { app } = await startServer(t)
  const edge = (await login(app)).body.access_token
  const bad: Array<[Record<string, string>, string]> = [
    [{ actor_token: edge }, 'invalid_request'],
    [{ actor_token_type: ACCESS_TOKEN_TYPE }, 'invalid_request'],
    [{ actor_token: edge, actor_token_type: ACCESS_TOKEN_TYPE }, 'invalid_request'],
    [{ requested_subject: FACTS.users.admin1.subject }, 'invalid_request'],
    [{ resource: 'https://order-service.example' }, 'invalid_target'],
    [{ requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' }, 'invalid_request'],
    [{ subject_token_type: 'urn:ietf:params:oauth:token-type:id_token' }, 'invalid_request'],
    [{ subject_token_type: '' }, 'invalid_request'],
    [{ subject_token: '' }, 'invalid_request'],
    [{ audience: '' }, 'invalid_request']
  ]
  for (const [more, error] of bad) {
    t.match(await exchange(app, edge, 'order-service', more), refusal(error), JSON.stringify(more).slice(0, 60))
  }
})

t.test("an opaque token and a machine token are exchanged like a user's", async t => {
  const { app, db } = await startServer(t)
  const opaque = (await token(app, 'opaque-client', { grant_type: 'client_credentials' })).body.access_token
  t.notMatch(opaque, /\./)
  const exchanged = await exchange(app, opaque, 'order-service')
  t.match(claimsOf(exchanged.body.access_token), {
    sub: 'opaque-client',
    client_id: 'gateway',
    act: { sub: 'gateway' },
    scope: 'orders:read orders:write restaurants:read',
    roles: []
  })
  await admin.disableClient(administration(db), 'opaque-client')
  t.match(await exchange(app, opaque, 'order-service'), refusal('invalid_request'), 'its client is disabled')
})

t.test(
  'the chain of actors grows to what resource servers accept and no further: the next exchange is refused, and the token of before still counts',
  async t => {
    const { app, db, events } = await startServer(t)
    const hop = { grantTypes: [EXCHANGE], authenticationMethods: ['client_secret_post' as const] }
    const secrets: Record<string, string> = {}
    for (const name of ['hop-a', 'hop-b']) await admin.createAudience(administration(db), { name })
    for (const [id, next] of [
      ['hop-a', 'hop-b'],
      ['hop-b', 'hop-a']
    ] as const) {
      const { secret } = await admin.createClient(administration(db), {
        id,
        ...hop,
        ownAudience: id,
        audiences: [next]
      })
      secrets[id] = secret ?? ''
    }
    const origin = await admin.createClient(administration(db), {
      id: 'origin',
      grantTypes: ['client_credentials'],
      authenticationMethods: ['client_secret_post'],
      defaultAudience: 'hop-a'
    })
    const first = await token(app, null, {
      grant_type: 'client_credentials',
      client_id: 'origin',
      client_secret: origin.secret ?? ''
    })
    let current = first.body.access_token
    const answers: number[] = []
    for (let links = 1; links <= LONGEST_ACTOR_CHAIN + 1; links++) {
      const [client, audience] = links % 2 === 1 ? ['hop-a', 'hop-b'] : ['hop-b', 'hop-a']
      const answer = await token(app, null, {
        grant_type: EXCHANGE,
        subject_token: current,
        subject_token_type: ACCESS_TOKEN_TYPE,
        audience: audience ?? '',
        client_id: client ?? '',
        client_secret: secrets[client ?? ''] ?? ''
      })
      answers.push(answer.status)
      current = answer.body.access_token ?? current
    }
    t.strictSame(answers, [...Array<number>(LONGEST_ACTOR_CHAIN).fill(200), 400])
    t.match(events.at(-1), { stage: 'grant', outcome: 'denied', reason: 'actor-chain-too-long', clientId: 'hop-a' })
    const last = await post(app, '/oauth2/introspect', null, {
      token: current,
      client_id: 'hop-a',
      client_secret: secrets['hop-a'] ?? ''
    })
    t.match(last.body, { active: true })
  }
)
