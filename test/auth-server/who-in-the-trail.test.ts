import { createHash } from 'node:crypto'
import type { Knex } from 'knex'
import t from 'tap'
import { claimsOf, exchange, FACTS, login, post, refresh, startServer, token } from '../support/authorization-server.ts'
import { openTrailRows } from '../support/trail-rows.ts'
import { authorized, authorizeUrl, browser, credentialsOf, pkce, requestOf, WEB_APP } from '../support/browser.ts'

const CUSTOMER = FACTS.users.customer1
const RULES = {
  account: { freeFailures: 1, firstWaitMs: 60_000, longestWaitMs: 60_000 },
  everywhere: { freeFailures: 1, firstWaitMs: 60_000, longestWaitMs: 60_000 },
  source: { freeFailures: 100, firstWaitMs: 1000, longestWaitMs: 1000 },
  windowMs: 600_000
}

interface Row {
  action: string
  outcome: string
  reason: string | null
  subject: string | null
  client_id: string | null
  name_tried: string | null
  resource_type: string | null
  resource_id: string | null
  detail: Record<string, unknown>
}

/** The first row of a reason. What a stranger caused is written after the answer: the row is waited for. */
async function rowWith(db: Knex, reason: string, more: Record<string, string> = {}): Promise<Row> {
  for (;;) {
    const row = (await db('audit_events')
      .where({ reason, ...more })
      .first()) as Row | undefined
    const [opened] = await openTrailRows(db, row === undefined ? [] : [{ ...row }])
    if (opened !== undefined) return opened
  }
}

t.test('the trail says which account a wrong password was tried for, by which client and from where', async t => {
  const { app, db, events } = await startServer(t)
  await token(app, 'gateway', {
    grant_type: 'password',
    username: ' Customer1 ',
    password: 'wrong',
    source_address: '192.0.2.44'
  })
  t.match(events.at(-1), {
    stage: 'grant',
    outcome: 'denied',
    reason: 'password-wrong',
    subject: CUSTOMER.subject,
    clientId: 'gateway',
    nameTried: 'customer1'
  })
  t.match(await rowWith(db, 'password-wrong'), {
    action: 'token.issue',
    outcome: 'denied',
    subject: CUSTOMER.subject,
    client_id: 'gateway',
    name_tried: 'customer1',
    source_address: '192.0.2.44',
    peer_address: '127.0.0.1'
  })
  t.match(
    await db('audit_events').where({ subject: CUSTOMER.subject }),
    [{ reason: 'password-wrong' }],
    'the filter by subject finds it'
  )
})

t.test(
  'of an unknown account the trail has the name that was tried and no subject, and neither log nor row has it in clear',
  async t => {
    const { app, db, events } = await startServer(t)
    await token(app, 'gateway', { grant_type: 'password', username: 'my secret passphrase', password: 'wrong' })
    t.match(events.at(-1), { reason: 'user-unknown', clientId: 'gateway', nameTried: 'my secret passphrase' })
    t.notOk('subject' in (events.at(-1) ?? {}))
    const row = await rowWith(db, 'user-unknown')
    t.match(row, { subject: null, client_id: 'gateway', name_tried: /^hmac-sha256:/ })
    t.notMatch(JSON.stringify(row), /secret passphrase/)
  }
)

t.test('a lock-out has a row that names the account, at the token endpoint and at the login page', async t => {
  const { app, db } = await startServer(t, {}, { throttleRules: RULES })
  for (const password of ['wrong', 'wrong again']) {
    await token(app, 'gateway', { grant_type: 'password', username: 'customer1', password })
  }
  t.equal((await login(app)).status, 429)
  t.match(await rowWith(db, 'login-throttled'), {
    action: 'token.issue',
    outcome: 'denied',
    subject: CUSTOMER.subject,
    client_id: 'gateway'
  })

  const page = browser(app)
  t.equal(
    (await page.submit(await page.get(authorizeUrl(requestOf(pkce().challenge))), credentialsOf('customer1')))
      .statusCode,
    429
  )
  t.match(await rowWith(db, 'login-throttled', { action: 'sign-in.start' }), {
    outcome: 'denied',
    subject: CUSTOMER.subject,
    client_id: 'web-app'
  })
})

t.test(
  'who logged in, refreshed, exchanged and logged out is in the columns that the trail is searched by',
  async t => {
    const { app, db } = await startServer(t)
    const first = (await login(app)).body
    const second = (await refresh(app, first.refresh_token)).body
    const exchanged = (await exchange(app, second.access_token, 'order-service')).body
    await token(app, 'machine-client', { grant_type: 'client_credentials' })
    await post(app, '/oauth2/revoke', 'gateway', { token: second.access_token })
    await post(app, '/oauth2/revoke', 'gateway', { token: second.refresh_token ?? '' })
    const rows = (await openTrailRows(db, await db('audit_events'))) as unknown as Row[]
    for (const action of ['session.start', 'session.refresh', 'token.exchange', 'token.revoke', 'session.end']) {
      t.match(
        rows.find(row => row.action === action),
        { outcome: 'success', subject: CUSTOMER.subject, client_id: 'gateway' },
        action
      )
    }
    t.equal(rows.find(row => row.action === 'session.start')?.name_tried, 'customer1')
    t.match(
      rows.find(row => row.action === 'session.start')?.detail,
      { grant: 'password' },
      'a session of a password can be told from one of a code'
    )
    t.match(
      rows.find(row => row.action === 'token.issue'),
      { subject: 'machine-client', client_id: 'machine-client' }
    )
    const hashOf = (jwt: string): string =>
      createHash('sha256')
        .update(String(claimsOf(jwt).jti))
        .digest('hex')
    t.match(
      rows.find(row => row.action === 'token.exchange')?.detail,
      { subjectJtiHash: hashOf(second.access_token), jtiHash: hashOf(exchanged.access_token) },
      'the hash by which other rows know the token'
    )
    t.notMatch(JSON.stringify(rows), /redacted/)
  }
)

t.test(
  'a refused refresh says whose session it was tried on and who tried; a guessed client secret says which client it was for',
  async t => {
    const { app, db } = await startServer(t)
    const { refresh_token: own } = (await login(app)).body
    await refresh(app, own, {}, 'web-app')
    t.match(await rowWith(db, 'refresh-token-foreign'), {
      subject: CUSTOMER.subject,
      client_id: 'web-app',
      resource_type: 'session'
    })
    await app.inject({
      method: 'POST',
      url: '/oauth2/token',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        authorization: `Basic ${Buffer.from('gateway:guess').toString('base64')}`
      },
      payload: 'grant_type=client_credentials'
    })
    t.match(await rowWith(db, 'client-secret-wrong'), {
      client_id: null,
      resource_type: 'client',
      resource_id: 'gateway'
    })
  }
)

t.test(
  'an authorization error that goes to the client by redirect has a row with client, reason and host, and nothing else of the address',
  async t => {
    const { app, db, events } = await startServer(t)
    const { challenge } = pkce()
    const answer = await app.inject(
      authorizeUrl({ ...requestOf(challenge), response_type: 'token', state: 'state-of-the-client' })
    )
    t.equal(answer.statusCode, 303)
    t.match(String(answer.headers.location), /error=unsupported_response_type/)
    const { redirectHost } = { redirectHost: new URL(String(answer.headers.location)).host }
    t.match(events.at(-1), {
      stage: 'grant',
      outcome: 'denied',
      reason: 'response-type',
      clientId: 'web-app',
      detail: { error: 'unsupported_response_type', redirectHost }
    })
    const row = await rowWith(db, 'response-type')
    t.match(row, { action: 'authorization.request', outcome: 'denied', client_id: 'web-app' })
    t.match(JSON.stringify(row.detail), redirectHost)
    t.notMatch(JSON.stringify(row), /state-of-the-client|callback/)
  }
)

t.test("the program of a row is the end user's too, and never what a client says that is not believed", async t => {
  const { app, db } = await startServer(t)
  const told = (program: string) => ({ source_address: '192.0.2.60', user_agent: program })
  const session = (await login(app, 'customer1', told('Browser/1'))).body
  await token(app, 'gateway', {
    grant_type: 'password',
    username: 'customer1',
    password: 'wrong',
    ...told('Browser/2')
  })
  await refresh(app, session.refresh_token, told('Browser/3'))
  await login(app, 'customer2', { source_address: '192.0.2.61' })
  const { access_token: issued = '' } = session
  await exchange(app, issued, 'order-service', told('Browser/4'))
  await rowWith(db, 'password-wrong')
  const programs = async (where: Readonly<Record<string, string>>) =>
    (await openTrailRows(db, await db('audit_events').where(where).orderBy('occurred_at'))).map(({ personal }) => [
      personal?.sourceAddress,
      personal?.userAgent
    ])
  t.strictSame(await programs({ action: 'session.start' }), [
    ['192.0.2.60', 'Browser/1'],
    ['192.0.2.61', undefined]
  ])
  t.strictSame(await programs({ reason: 'password-wrong' }), [['192.0.2.60', 'Browser/2']])
  t.strictSame(await programs({ action: 'session.refresh' }), [['192.0.2.60', 'Browser/3']])
  t.strictSame(await programs({ action: 'token.exchange' }), [['192.0.2.60', 'Browser/4']])
  await login(app, 'customer1')
  t.strictSame((await programs({ action: 'session.start' })).at(-1), ['127.0.0.1', 'lightMyRequest'], 'it says nothing')
  await exchange(app, issued, 'restaurant-service', told('Forged/1'), 'order-service')
  const { verifier, challenge } = pkce()
  const { answer } = await authorized(browser(app), authorizeUrl(requestOf(challenge)))
  const code = { code: answer.code ?? '', redirect_uri: WEB_APP.redirect_uri, code_verifier: verifier }
  const own = (await token(app, 'web-app', { grant_type: 'authorization_code', ...code, ...told('Forged/2') })).body
  await refresh(app, own.refresh_token, told('Forged/3'), 'web-app')
  const rows = await openTrailRows(db, await db('audit_events'))
  t.notMatch(JSON.stringify(rows), 'Forged', 'of who may not present passwords')
})

t.test(
  "the address of a row is the end user's, as a believed client tells it, and that of the connection from all others",
  async t => {
    const { app, db } = await startServer(t)
    const session = (await login(app, 'customer1', { source_address: '192.0.2.50' })).body
    await refresh(app, session.refresh_token, { source_address: '192.0.2.51' })
    const addressesOf = async (action: string) =>
      (await openTrailRows(db, await db('audit_events').where({ action }).orderBy('occurred_at'))).map(row => [
        row.source_address,
        row.peer_address
      ])
    t.strictSame(await addressesOf('session.start'), [['192.0.2.50', '127.0.0.1']])
    t.strictSame(await addressesOf('session.refresh'), [['192.0.2.51', '127.0.0.1']])

    const { verifier, challenge } = pkce()
    const { answer } = await authorized(browser(app), authorizeUrl(requestOf(challenge)))
    const code = { code: answer.code ?? '', redirect_uri: WEB_APP.redirect_uri, code_verifier: verifier }
    const own = (await token(app, 'web-app', { grant_type: 'authorization_code', ...code })).body
    await refresh(app, own.refresh_token, { source_address: '192.0.2.52' }, 'web-app')
    t.strictSame(
      (await addressesOf('session.refresh')).at(-1),
      ['127.0.0.1', null],
      'whoever may not present passwords is not believed'
    )
  }
)
