import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { createTokenClient, discoverMetadata } from '@sallyport/token-exchange'
import t, { type Test } from 'tap'
import { type AuthorizationServer, authorizationServer, TOKEN_ANSWER } from '../../support/fake-authorization-server.ts'

const NOW_MS = Date.UTC(2026, 10, 23, 12)

async function setup(t: Test, options: { clientId?: string; clientSecret?: string; timeoutMs?: number } = {}) {
  const server = await authorizationServer(t)
  const client = createTokenClient({
    metadata: () => discoverMetadata({ issuer: server.issuer }),
    clientId: 'gateway',
    clientSecret: 'secret',
    clock: () => NOW_MS,
    ...options
  })
  return { server, client }
}

const formOf = (server: AuthorizationServer) => Object.fromEntries(server.received.at(-1)!.form)
const exchangeRequest = { subjectToken: 'subject', audience: 'order-service' }

t.test('each grant sends its parameters and nothing that was not given', async t => {
  const { server, client } = await setup(t)
  await client.password({
    username: 'a',
    password: 'ü %+&=',
    sessionKind: 'api',
    connection: { sourceAddress: '192.0.2.1', userAgent: 'curl' }
  })
  t.same(formOf(server), {
    grant_type: 'password',
    username: 'a',
    password: 'ü %+&=',
    session_kind: 'api',
    source_address: '192.0.2.1',
    user_agent: 'curl'
  })
  await client.refresh({ refreshToken: 'r', scope: 'a b', connection: { sourceAddress: '192.0.2.1' } })
  t.same(formOf(server), { grant_type: 'refresh_token', refresh_token: 'r', scope: 'a b', source_address: '192.0.2.1' })
  await client.exchange({ ...exchangeRequest, scope: 'orders:read' })
  t.same(formOf(server), {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: 'subject',
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    audience: 'order-service',
    scope: 'orders:read'
  })
  await client.clientCredentials({ audience: 'order-service' })
  t.same(formOf(server), { grant_type: 'client_credentials', audience: 'order-service' })
  await client.revoke({ token: 'r', tokenTypeHint: 'refresh_token' })
  t.equal(server.received.at(-1)!.path, '/oauth2/revoke')
  t.same(formOf(server), { token: 'r', token_type_hint: 'refresh_token' })
})

t.test('client identifier and secret are form-encoded before they are joined by a colon', async t => {
  const { server, client } = await setup(t, { clientId: 'a:b c', clientSecret: 'p%:ü+' })
  await client.clientCredentials({})
  const [scheme, value] = server.received[0]!.authorization!.split(' ')
  t.equal(scheme, 'Basic')
  t.equal(Buffer.from(value!, 'base64').toString(), 'a%3Ab+c:p%25%3A%C3%BC%2B')
  t.notOk(server.received[0]!.form.has('client_secret'))
})

t.test('a successful answer becomes a token set', async t => {
  const { server, client } = await setup(t)
  server.answer = () => ({ ...TOKEN_ANSWER, token_type: 'bearer', refresh_token: 'r', scope: 'a b' })
  t.same(await client.password({ username: 'a', password: 'b' }), {
    accessToken: 'issued-token',
    refreshToken: 'r',
    expiresInSeconds: 300,
    scope: 'a b'
  })
  server.answer = () => TOKEN_ANSWER
  t.same(await client.exchange(exchangeRequest), {
    accessToken: 'issued-token',
    refreshToken: null,
    expiresInSeconds: 300,
    scope: null
  })
})

t.test('an error answer is mapped by what it says of the caller', async t => {
  const { server, client } = await setup(t)
  const cases = [
    ['invalid_grant is terminal', 400, { error: 'invalid_grant' }, 'SALLYPORT_TOKEN_REJECTED', 401],
    ['an invalid scope is not granted', 400, { error: 'invalid_scope' }, 'SALLYPORT_TOKEN_NOT_GRANTED', 403],
    ['an invalid target is not granted', 400, { error: 'invalid_target' }, 'SALLYPORT_TOKEN_NOT_GRANTED', 403],
    [
      'a grant that the client may not use is not granted',
      400,
      { error: 'unauthorized_client' },
      'SALLYPORT_TOKEN_NOT_GRANTED',
      403
    ],
    ['a client that is not known is our outage', 401, { error: 'invalid_client' }, 'SALLYPORT_TOKEN_UNAVAILABLE', 503],
    ['a throttled caller is throttled', 429, { error: 'slow_down' }, 'SALLYPORT_TOKEN_THROTTLED', 429],
    ['a 5xx is an outage whatever its body says', 503, { error: 'invalid_grant' }, 'SALLYPORT_TOKEN_UNAVAILABLE', 503],
    ['a 404 of some proxy is an outage', 404, '<h1>Not Found</h1>', 'SALLYPORT_TOKEN_UNAVAILABLE', 503],
    ['an error that is not a string is an outage', 400, { error: { code: 1 } }, 'SALLYPORT_TOKEN_UNAVAILABLE', 503],
    ['a redirect is not followed', 302, '', 'SALLYPORT_TOKEN_UNAVAILABLE', 503]
  ] as const
  for (const [title, status, body, code, statusCode] of cases) {
    server.answer = (_form, reply) => reply.code(status).header('location', '/oauth2/revoke').send(body)
    const before = server.received.length
    await t.rejects(client.password({ username: 'a', password: 'b' }), { code, statusCode }, title)
    t.equal(server.received.length, before + 1, `${title}: asked once`)
  }
})

t.test('an exchange that is an invalid request has an invalid subject token', async t => {
  const { server, client } = await setup(t)
  server.answer = (_form, reply) => reply.code(400).send({ error: 'invalid_request' })
  await t.rejects(client.exchange(exchangeRequest), { code: 'SALLYPORT_TOKEN_REJECTED' })
  await t.rejects(
    client.clientCredentials({}),
    { code: 'SALLYPORT_TOKEN_NOT_GRANTED' },
    'in another grant it is a refusal of what was asked for'
  )
})

t.test('the time to wait comes from Retry-After, within bounds', async t => {
  const { server, client } = await setup(t)
  const cases = [
    [429, '17', 17],
    [503, '17', 17],
    [429, undefined, 5],
    [429, 'soon', 5],
    [429, '99999', 3600],
    [429, '-1', 0],
    [429, new Date(NOW_MS + 30_000).toUTCString(), 30],
    [503, new Date(NOW_MS - 30_000).toUTCString(), 0]
  ] as const
  for (const [status, header, retryAfterSeconds] of cases) {
    server.answer = (_form, reply) =>
      reply
        .code(status)
        .headers(header === undefined ? {} : { 'retry-after': header })
        .send({})
    const error: unknown = await client.clientCredentials({}).catch(error => error)
    t.match(error, { retryAfterSeconds, headers: { 'retry-after': String(retryAfterSeconds) } }, `${status} ${header}`)
  }
})

t.test('an answer that makes no sense is an outage', async t => {
  const { server, client } = await setup(t)
  const cases: readonly [string, unknown][] = [
    ['text', 'token'],
    ['an array', []],
    ['no access token', { ...TOKEN_ANSWER, access_token: undefined }],
    ['an empty access token', { ...TOKEN_ANSWER, access_token: '' }],
    ['an access token with a line break', { ...TOKEN_ANSWER, access_token: 'a\r\nx: y' }],
    ['an access token past 16 KiB', { ...TOKEN_ANSWER, access_token: 'a'.repeat(16_385) }],
    ['no token type', { ...TOKEN_ANSWER, token_type: undefined }],
    ['a sender-constrained token', { ...TOKEN_ANSWER, token_type: 'DPoP' }],
    ['no lifetime', { ...TOKEN_ANSWER, expires_in: undefined }],
    ['a lifetime in text', { ...TOKEN_ANSWER, expires_in: '300' }],
    ['no time left', { ...TOKEN_ANSWER, expires_in: 0 }],
    ['a negative lifetime', { ...TOKEN_ANSWER, expires_in: -1 }],
    ['a lifetime in ms', { ...TOKEN_ANSWER, expires_in: 1e12 }],
    ['a refresh token that is none', { ...TOKEN_ANSWER, refresh_token: 5 }],
    ['a scope list', { ...TOKEN_ANSWER, scope: ['a'] }],
    ['no issued token type', { ...TOKEN_ANSWER, issued_token_type: undefined }],
    [
      'a refresh token for an access token',
      { ...TOKEN_ANSWER, issued_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' }
    ],
    ['more than 64 KiB', { ...TOKEN_ANSWER, padding: ' '.repeat(65_536) }]
  ]
  for (const [title, body] of cases) {
    server.answer = () => body
    await t.rejects(
      client.exchange(exchangeRequest),
      { code: 'SALLYPORT_TOKEN_UNAVAILABLE', statusCode: 503, retryAfterSeconds: 5 },
      title
    )
  }
})

t.test('an endless answer is cut off', async t => {
  const { server, client } = await setup(t)
  server.answer = (_form, reply) => {
    reply.hijack()
    reply.raw.writeHead(200, { 'content-type': 'application/json' })
    const write = (): void => {
      while (!reply.raw.destroyed && reply.raw.write(' '.repeat(16_384)));
    }
    reply.raw.on('drain', write)
    write()
  }
  await t.rejects(client.clientCredentials({}), { code: 'SALLYPORT_TOKEN_UNAVAILABLE', cause: { message: /65536/ } })
})

t.test('a server that does not answer in time, or not at all, is an outage', async t => {
  const { server, client } = await setup(t, { timeoutMs: 50 })
  server.answer = () => new Promise(() => {})
  await t.rejects(client.clientCredentials({}), {
    code: 'SALLYPORT_TOKEN_UNAVAILABLE',
    cause: { name: 'TimeoutError' }
  })

  const closed = createServer().listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const issuer = `http://127.0.0.1:${(closed.address() as AddressInfo).port}`
  closed.close()
  await once(closed, 'close')
  const lost = createTokenClient({ metadata: () => discoverMetadata({ issuer }), clientId: 'a', clientSecret: 'b' })
  await t.rejects(lost.clientCredentials({}), { code: 'SALLYPORT_TOKEN_UNAVAILABLE' })
})

t.test('metadata is fetched once, and again after a failure', async t => {
  const server = await authorizationServer(t)
  const metadata = await discoverMetadata({ issuer: server.issuer })
  let asked = 0
  const client = createTokenClient({
    metadata: async () => {
      asked++
      if (asked === 1) throw new Error('not yet')
      return metadata
    },
    clientId: 'a',
    clientSecret: 'b'
  })
  await t.rejects(client.clientCredentials({}), { code: 'SALLYPORT_TOKEN_UNAVAILABLE' })
  await Promise.all([client.clientCredentials({}), client.clientCredentials({})])
  await client.clientCredentials({})
  t.equal(asked, 2)
})

t.test('a server without a revocation endpoint does not pretend to revoke', async t => {
  const server = await authorizationServer(t)
  const metadata = { ...(await discoverMetadata({ issuer: server.issuer })), revocationEndpoint: null }
  const client = createTokenClient({ metadata, clientId: 'a', clientSecret: 'b' })
  await t.rejects(client.revoke({ token: 'r' }), { code: 'SALLYPORT_TOKEN_NOT_GRANTED' })
})

t.test('a revocation that was not stored is an outage', async t => {
  const { server, client } = await setup(t)
  server.answer = (_form, reply) => reply.code(503).header('retry-after', '2').send()
  await t.rejects(client.revoke({ token: 'r' }), { code: 'SALLYPORT_TOKEN_UNAVAILABLE', retryAfterSeconds: 2 })
})

t.test('all mistakes in the options are named at once', async t => {
  const server = await authorizationServer(t)
  const metadata = {
    ...(await discoverMetadata({ issuer: server.issuer })),
    tokenEndpoint: 'http://issuer.example/token'
  }
  t.throws(() => createTokenClient({ metadata, clientId: '', clientSecret: '', timeoutMs: 0 }), {
    code: 'SALLYPORT_TOKEN_OPTIONS_INVALID',
    message:
      /metadata\.tokenEndpoint is neither https nor http on a loopback address; clientId must be a text that is not empty; clientSecret must .*timeoutMs must be a whole number from 1$/
  })
})
