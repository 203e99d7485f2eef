import { admin } from '@sallyport/auth-server'
import t from 'tap'
import { dpopKey, dpopProof } from '../support/dpop.ts'
import { administration } from '../support/administration.ts'
import { ISSUER, post, secretOf, startServer, token } from '../support/authorization-server.ts'
import { authorized, authorizeUrl, browser, NATIVE_APP, pkce, requestOf, WEB_APP } from '../support/browser.ts'

const { challenge, verifier } = pkce()
const pushed = (more: Record<string, string | undefined> = {}): Record<string, string> =>
  JSON.parse(JSON.stringify(requestOf(challenge, more))) as Record<string, string>
const byReference = (requestUri: string, clientId = 'web-app'): string =>
  authorizeUrl({ client_id: clientId, request_uri: requestUri })

interface PushAnswer {
  request_uri: string
  expires_in: number
  error?: string
}
const push = async (
  app: Parameters<typeof post>[0],
  form: Record<string, string>,
  client: string | null = 'web-app'
) => {
  const { status, body, headers } = await post(app, '/oauth2/par', client, form)
  return { status, headers, body: body as unknown as PushAnswer }
}

t.test('a pushed request is authorized by its reference, and used once', async t => {
  const { app, events } = await startServer(t)
  const { status, body, headers } = await push(app, pushed())
  t.match([status, body.expires_in, headers['cache-control']], [201, 90, 'no-store'])
  t.match(body.request_uri, /^urn:ietf:params:oauth:request_uri:[\w-]{43}$/)
  const user = browser(app)
  const { to, answer } = await authorized(user, byReference(body.request_uri))
  t.match([to, answer.state, answer.iss], [WEB_APP.redirect_uri, 'state-1', ISSUER])
  const tokens = await token(app, 'web-app', {
    grant_type: 'authorization_code',
    code: answer.code ?? '',
    redirect_uri: WEB_APP.redirect_uri,
    code_verifier: verifier
  })
  t.equal(tokens.status, 200)
  t.equal((await user.get(byReference(body.request_uri))).statusCode, 400)
  t.match(events.at(-1), { reason: 'pushed-request-unknown' })
})

t.test('two browsers that come with one reference get one code', async t => {
  const { app } = await startServer(t)
  const { body } = await push(app, pushed())
  const users = [browser(app), browser(app)]
  for (const user of users) await authorized(user, authorizeUrl(requestOf(challenge)))
  const answers = await Promise.all(users.map(async user => await authorized(user, byReference(body.request_uri))))
  t.equal(answers.filter(({ answer }) => answer.code !== undefined).length, 1)
})

t.test('a reference is of its client, for 90 seconds, and no parameter beside it counts', async t => {
  const { app, clock } = await startServer(t)
  const { body } = await push(app, pushed())
  const user = browser(app)
  for (const url of [
    byReference(body.request_uri, 'native-app'),
    byReference(`${body.request_uri}x`),
    byReference('https://evil.example/request'),
    authorizeUrl({ request_uri: body.request_uri })
  ]) {
    const { statusCode, headers } = await user.get(url)
    t.match([statusCode, headers.location], [400, undefined], url)
  }
  const { answer, to } = await authorized(
    user,
    `${byReference(body.request_uri)}&state=other&scope=admin&redirect_uri=http://evil.example`
  )
  t.match([to, answer.state, typeof answer.code], [WEB_APP.redirect_uri, 'state-1', 'string'])
  const late = (await push(app, pushed())).body.request_uri
  clock.advance(90)
  t.equal((await user.get(byReference(late))).statusCode, 400)
})

t.test('a request is checked when it is pushed, and its client authenticated', async t => {
  const { app } = await startServer(t)
  for (const [more, error] of [
    [{ redirect_uri: 'http://evil.example' }, 'invalid_request'],
    [{ redirect_uri: undefined }, 'invalid_request'],
    [{ code_challenge: undefined }, 'invalid_request'],
    [{ response_type: 'token' }, 'unsupported_response_type'],
    [{ scope: 'everything' }, 'invalid_scope'],
    [{ request: 'x' }, 'request_not_supported'],
    [{ request_uri: 'urn:ietf:params:oauth:request_uri:x' }, 'invalid_request'],
    [{ client_id: 'gateway' }, 'invalid_request']
  ] as const) {
    const { status, body } = await push(app, pushed(more))
    t.match([status, body.error, body.request_uri], [400, error, undefined], JSON.stringify(more))
  }
  t.match(
    await push(app, pushed(), null),
    { status: 401, body: { error: 'invalid_client' } },
    'a confidential client without its secret'
  )
  t.match(await push(app, { ...pushed(), client_secret: 'x'.repeat(43) }, null), { status: 401 })
  t.match(await push(app, pushed({ client_id: 'nobody' }), 'nobody'), { status: 401 })
  t.equal((await push(app, pushed(NATIVE_APP), null)).status, 201, 'a public client')
})

t.test('what proves the client is not stored with its request', async t => {
  const { app, db } = await startServer(t)
  await push(app, { ...pushed(), client_secret: secretOf('web-app') }, null)
  const { parameters } = await db('pushed_requests').first()
  t.strictSame(Object.keys(parameters).sort(), [
    'client_id',
    'code_challenge',
    'code_challenge_method',
    'redirect_uri',
    'response_type',
    'scope',
    'state'
  ])
})

t.test('a client that has to push its requests is refused without', async t => {
  const { app, db } = await startServer(t)
  await admin.createClient(administration(db), {
    id: 'strict',
    grantTypes: ['authorization_code'],
    redirectUris: ['https://app.example/cb'],
    scopes: ['orders:read'],
    defaultAudience: 'sallyport-gateway',
    pushedRequestsRequired: true,
    secret: secretOf('strict')
  })
  const client = { client_id: 'strict', redirect_uri: 'https://app.example/cb' }
  const user = browser(app)
  t.match((await authorized(user, authorizeUrl(requestOf(challenge, client)))).answer, {
    error: 'invalid_request',
    code: undefined
  })
  const { body } = await push(app, pushed(client), 'strict')
  t.match((await authorized(user, byReference(body.request_uri, 'strict'))).answer, { code: /./ })
})

t.test('the DPoP key of a push is the key of the code', async t => {
  const { app, db, clock } = await startServer(t, { dpopNonceRequired: false })
  const key = dpopKey()
  const proofFor = (htu: string) => dpopProof(key, { htm: 'POST', htu, iat: Math.floor(clock.ms / 1000) })
  const url = `${ISSUER}/oauth2/par`
  const send = async (form: Record<string, string>, proof: string) =>
    await app.inject({
      method: 'POST',
      url: '/oauth2/par',
      headers: { 'content-type': 'application/x-www-form-urlencoded', dpop: proof },
      payload: new URLSearchParams({ ...form, client_secret: secretOf('web-app') }).toString()
    })
  const proof = proofFor(url)
  t.equal((await send(pushed(), proof)).statusCode, 201)
  t.equal((await send(pushed(), proof)).statusCode, 400, 'a proof is used once')
  t.equal((await db('pushed_requests').first()).parameters.dpop_jkt, key.thumbprint)
  t.equal((await send(pushed({ dpop_jkt: 'A'.repeat(43) }), proofFor(url))).statusCode, 400, 'two keys')
  t.equal((await send(pushed(), proofFor(`${ISSUER}/oauth2/token`))).statusCode, 400, 'a proof for another endpoint')
})
