import { admin, argon2id } from '@sallyport/auth-server'
import t from 'tap'
import { administration } from '../support/administration.ts'
import { basic, FACTS, login, secretOf, startServer, token } from '../support/authorization-server.ts'

const MACHINE = { grant_type: 'client_credentials' }
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

t.test('O-16: a wrong secret and an unknown client are the same answer', async t => {
  const { app, events } = await startServer(t)
  const answers = []
  for (const authorization of [
    basic('machine-client', 'wrong'),
    basic('nobody', 'wrong'),
    basic('machine-client', ''),
    'Basic ???',
    'Bearer x'
  ]) {
    const { statusCode, body, headers } = await app.inject({
      method: 'POST',
      url: '/oauth2/token',
      headers: { ...FORM, authorization },
      payload: 'grant_type=client_credentials'
    })
    answers.push({ statusCode, body, challenge: headers['www-authenticate'] })
  }
  t.equal(new Set(answers.map(answer => JSON.stringify(answer))).size, 1)
  t.match(answers[0], { statusCode: 401, body: /"error":"invalid_client"/, challenge: /^Basic realm=/ })
  t.strictSame(
    events.slice(0, 2).map(({ reason }) => reason),
    ['client-secret-wrong', 'client-unknown'],
    'the events tell them apart'
  )
  const missing = await token(app, null, MACHINE)
  t.match([missing.status, missing.body.error], [401, 'invalid_client'])
})

t.test('client_secret_basic is form-decoded and client_secret_post works', async t => {
  const { app } = await startServer(t)
  t.equal(
    (await token(app, null, { ...MACHINE, client_id: 'machine-client', client_secret: secretOf('machine-client') }))
      .status,
    200
  )
  const encoded = basic('machine%2Dclient', secretOf('machine-client').replaceAll('x', '%78'))
  const { statusCode } = await app.inject({
    method: 'POST',
    url: '/oauth2/token',
    headers: { ...FORM, authorization: encoded },
    payload: 'grant_type=client_credentials'
  })
  t.equal(statusCode, 200)
  t.equal(
    (await token(app, null, { ...MACHINE, client_id: 'machine-client' })).body.error,
    'invalid_client',
    'a confidential client without its secret'
  )
  t.equal(
    (await token(app, null, { ...MACHINE, client_id: 'native-app', client_secret: 'x'.repeat(43) })).body.error,
    'invalid_client',
    'a public client has no secret'
  )
})

t.test('O-17: two client authentication methods in one request are refused, and so is a secret in the URL', async t => {
  const { app, events } = await startServer(t)
  const secret = secretOf('machine-client')
  for (const more of [
    { client_secret: secret },
    { client_secret: secret, client_id: 'machine-client' },
    { client_assertion: 'x' }
  ]) {
    t.match(await token(app, 'machine-client', { ...MACHINE, ...more }), {
      status: 400,
      body: { error: 'invalid_request' }
    })
  }
  t.match(await token(app, 'machine-client', { ...MACHINE, client_id: 'gateway' }), {
    status: 400,
    body: { error: 'invalid_request' }
  })
  t.equal(
    (await token(app, 'machine-client', { ...MACHINE, client_id: 'machine-client' })).status,
    200,
    'the same id again is no method'
  )
  for (const query of [`client_id=machine-client&client_secret=${secret}`, 'grant_type=client_credentials']) {
    const { statusCode, body } = await app.inject({
      method: 'POST',
      url: `/oauth2/token?${query}`,
      headers: { ...FORM, authorization: basic('machine-client') },
      payload: 'grant_type=client_credentials'
    })
    t.equal(statusCode, 400)
    t.match(body, /invalid_request/)
  }
  t.match(events.at(-1), { reason: 'parameter-in-url' })
})

t.test('O-18: a parameter that is there twice is invalid_request', async t => {
  const { app } = await startServer(t)
  for (const form of [
    'grant_type=client_credentials&grant_type=client_credentials',
    'grant_type=client_credentials&scope=a&scope=',
    'grant_type=client_credentials&grant%5Ftype=x',
    'grant_type=client_credentials&unknown=1&unknown=2'
  ]) {
    t.match(await token(app, 'machine-client', form), { status: 400, body: { error: 'invalid_request' } }, form)
  }
  t.equal(
    (await token(app, 'machine-client', 'grant_type=client_credentials&scope=&unknown=1')).status,
    200,
    'empty counts as omitted, unknown is ignored'
  )
})

t.test('O-19: the token endpoint takes POST with a form only, and no answer of it is cached', async t => {
  const { app } = await startServer(t)
  t.equal((await app.inject('/oauth2/token')).statusCode, 404)
  for (const [contentType, payload] of [
    ['application/json', '{"grant_type":"client_credentials"}'],
    ['text/plain', 'grant_type=client_credentials'],
    ['multipart/form-data; boundary=x', '--x--']
  ] as const) {
    const { statusCode, body, headers } = await app.inject({
      method: 'POST',
      url: '/oauth2/token',
      headers: { 'content-type': contentType, authorization: basic('machine-client') },
      payload
    })
    t.match([statusCode, body], [400, /"error":"invalid_request"/], contentType)
    t.equal(headers['cache-control'], 'no-store')
  }
  t.match(await token(app, 'machine-client', ''), {
    status: 400,
    body: { error: 'invalid_request' },
    headers: { 'cache-control': 'no-store' }
  })
  t.match((await token(app, 'machine-client', MACHINE)).headers, {
    'cache-control': 'no-store',
    pragma: 'no-cache',
    'content-type': /^application\/json/
  })
  t.match((await token(app, 'nobody', MACHINE)).headers, { 'cache-control': 'no-store' })
  const large = await token(app, 'machine-client', `grant_type=client_credentials&x=${'y'.repeat(70_000)}`)
  t.match([large.status, large.body.error], [400, 'invalid_request'], 'too large')
})

t.test('O-30: a long password counts to its last character, and a NUL or a lone surrogate is refused', async t => {
  const { app, db } = await startServer(t)
  const long = 'ä'.repeat(100) + 'z'
  await admin.createUser(administration(db), { username: 'long', password: long, roles: [] })
  const attempt = async (encodedPassword: string) =>
    await token(app, 'gateway', `grant_type=password&username=long&password=${encodedPassword}`)
  t.equal((await attempt(encodeURIComponent(long))).status, 200)
  t.equal((await attempt(encodeURIComponent(long.slice(0, -1)))).body.error, 'invalid_grant', 'one character less')
  t.equal(
    (await attempt(encodeURIComponent(long.slice(0, -1) + 'y'))).body.error,
    'invalid_grant',
    'another last character'
  )
  for (const bad of ['a%00b', '%ED%A0%80', '%FF', '%zz', 'a\uFFFD%C3']) {
    t.match(await attempt(bad), { status: 400, body: { error: 'invalid_request' } }, bad)
  }
  t.equal((await token(app, 'gateway', 'grant_type=password&username=a%00b&password=x')).body.error, 'invalid_request')
})

t.test('O-31: an unknown user and a wrong password are the same answer after the same number of hashes', async t => {
  let hashes = 0
  const counting = {
    hash: argon2id.hash,
    verify: async (...call: Parameters<typeof argon2id.verify>) => {
      hashes++
      return await argon2id.verify(...call)
    }
  }
  const { app, db, events } = await startServer(t, {}, { passwordHashFunction: counting })
  await db('users').where({ username: 'customer2' }).update({ disabled_at: new Date() })
  const answers = []
  for (const [username, password] of [
    ['customer1', 'wrong'],
    ['nobody', 'wrong'],
    ['customer2', FACTS.users.customer2.password]
  ] as const) {
    hashes = 0
    const { status, text } = await token(app, 'gateway', { grant_type: 'password', username, password })
    answers.push({ status, text, hashes })
  }
  t.equal(new Set(answers.map(answer => JSON.stringify(answer))).size, 1)
  t.match(answers[0], { status: 400, text: /invalid_grant/, hashes: 1 })
  t.strictSame(
    events.map(({ reason }) => reason),
    ['password-wrong', 'user-unknown', 'user-disabled']
  )
})

t.test('a user name has one form whatever its case and spaces', async t => {
  const { app } = await startServer(t)
  for (const username of ['CUSTOMER1', '  customer1 ', 'ｃustomer1']) {
    t.equal(
      (await token(app, 'gateway', { grant_type: 'password', username, password: FACTS.users.customer1.password }))
        .status,
      200,
      username
    )
  }
})

t.test(
  'O-29: past the queue of password hashes a login is refused with 503 and Retry-After, and other requests go on',
  async t => {
    const waiting: Array<() => void> = []
    const slow = {
      hash: async () => 'decoy',
      verify: async () => await new Promise<boolean>(resolve => waiting.push(() => resolve(false)))
    }
    const { app } = await startServer(
      t,
      { passwordConcurrency: 1, passwordQueueLength: 1 },
      { passwordHashFunction: slow }
    )
    const logins = [login(app), login(app), login(app)]
    const refused = await Promise.race(logins)
    t.match([refused.status, refused.headers['retry-after'], refused.body.error], [503, '1', 'temporarily_unavailable'])
    while (waiting.length === 0) await new Promise(resolve => setImmediate(resolve))
    t.equal(waiting.length, 1, 'one hash runs, one waits')
    t.equal((await app.inject('/oauth2/jwks')).statusCode, 200)
    waiting.shift()?.()
    while (waiting.length === 0) await new Promise(resolve => setImmediate(resolve))
    waiting.shift()?.()
    t.strictSame((await Promise.all(logins)).map(({ status }) => status).sort(), [400, 400, 503])
  }
)

t.test('a password is hashed anew at login when the parameters have changed', async t => {
  const { app, db, another } = await startServer(t)
  const hashOf = async (): Promise<string> => (await db('users').where({ username: 'customer1' }).first()).password_hash
  const before = await hashOf()
  await login(app)
  t.equal(await hashOf(), before)
  const stronger = await another({}, { passwordParameters: { memoryKibibytes: 128, iterations: 1, lanes: 1 } })
  t.equal((await login(stronger)).status, 200)
  t.match(await hashOf(), /m=128,/)
  t.equal((await login(stronger)).status, 200)
})
