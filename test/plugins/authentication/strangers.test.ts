// What callers whom nobody knows may ask of the authorization server: its calls are counted.
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import authentication, { type AuthenticationOptions } from '@sallyport/authentication'
import securityContext, { problemDetails, type SecurityEvent } from '@sallyport/security-context'
import { AUDIENCE, goodClaims, ISSUER, NOW } from '../../support/issuer.ts'
import { fakeFetch, until, type FakeAnswer } from './support/servers.ts'
import { buildApp, codeOf, loggedIn, Browser, key } from '../support/session-app.ts'
import { FakeIssuer } from '../support/fake-issuer.ts'

const HERE = '203.0.113.7'
let serial = 0
const stranger = (): string => `stranger-${++serial}`

const post = async (client: Browser, url: string, payload: Record<string, string>) =>
  await client.send({ method: 'POST', url, payload })

/** Logs in without cookies. */
async function tokenInBody(client: Browser): Promise<string> {
  const login = await client.logIn({ username: 'customer1', password: 'pass:word', tokens: 'body' })
  return login.json<{ refreshToken: string }>().refreshToken
}

/** An app that takes opaque tokens; those that begin with `good` are active. */
async function opaqueApp(t: Test, options: Partial<AuthenticationOptions> = {}) {
  const world = { nowMs: NOW * 1000, gate: Promise.resolve(), down: false }
  const fetch = fakeFetch(async (_url, { body }): Promise<FakeAnswer> => {
    await world.gate
    if (world.down) return { status: 503 }
    const token = new URLSearchParams(body).get('token') ?? ''
    const answer = token.startsWith('good') ? { active: true, ...goodClaims({ exp: NOW + 1e6 }) } : { active: false }
    return { body: JSON.stringify(answer) }
  })
  const app = Fastify()
  t.teardown(() => app.close())
  let events: readonly SecurityEvent[] = []
  await app.register(securityContext)
  await app.register(problemDetails)
  const client = { endpoint: `${ISSUER}/introspect`, clientId: 'a', clientSecret: 'b', audience: AUDIENCE }
  const introspection = { ...client, fetch, clock: () => world.nowMs, log: () => {} }
  await app.register(authentication, { introspection, ...options })
  app.get('/', async request => request.principal?.subject)
  app.addHook('onSend', async request => {
    events = [...request.securityEvents]
  })
  const get = async (token: string, remoteAddress = HERE) =>
    await app.inject({ url: '/', remoteAddress, headers: { authorization: `Bearer ${token}` } })
  return { world, fetch, get, reasons: () => events.map(({ outcome, reason }) => `${outcome} ${reason}`) }
}

t.test('random opaque tokens of a source cost 30 introspections a minute; beyond, it has to wait', async t => {
  const { world, fetch, get, reasons } = await opaqueApp(t)
  t.equal((await get('good-known')).statusCode, 200)
  for (let minute = 0; minute < 3; minute++) {
    const before = fetch.calls.length
    const statuses = { 401: 0, 429: 0 }
    for (let request = 0; request < 500; request++) statuses[(await get(stranger())).statusCode as 401 | 429]++
    t.same({ calls: fetch.calls.length - before, statuses }, { calls: 30, statuses: { 401: 30, 429: 470 } })
    const beyond = await get(stranger())
    t.equal(codeOf(beyond), 'SALLYPORT_AUTHENTICATION_THROTTLED')
    t.equal(beyond.headers['retry-after'], '2')
    t.same(reasons(), ['denied throttled'])
    world.nowMs += 60_000
    t.equal((await get('good-known')).statusCode, 200, 'known here, asked about anew')
    t.equal((await get('good-elsewhere', '203.0.113.8')).statusCode, 200)
  }
})

t.test('a known token is asked about although its source is used up, and good new ones cost nothing', async t => {
  const { world, fetch, get } = await opaqueApp(t)
  for (let client = 0; client < 100; client++) t.equal((await get(`good-${client}`)).statusCode, 200)
  for (let request = 0; request < 100; request++) await get(stranger())
  t.equal((await get(stranger())).statusCode, 429)
  world.nowMs += 5000
  const before = fetch.calls.length
  for (let client = 0; client < 100; client++) t.equal((await get(`good-${client}`)).statusCode, 200)
  t.equal(fetch.calls.length - before, 100)
})

t.test('one refused token is asked about once in five seconds, also where answers are not kept', async t => {
  const { world, fetch, get } = await opaqueApp(t)
  for (let request = 0; request < 100; request++) t.equal((await get('refused')).statusCode, 401)
  t.equal(fetch.calls.length, 1)
  world.nowMs += 5000
  await get('refused')
  t.equal(fetch.calls.length, 2)
})

t.test('the addresses of one IPv6 network are one source', async t => {
  const { fetch, get } = await opaqueApp(t)
  for (let host = 1; host <= 200; host++) await get(stranger(), `2001:db8:0:1::${host.toString(16)}`)
  t.equal(fetch.calls.length, 30)
  t.equal((await get(stranger(), '2001:db8:0:2::1')).statusCode, 401)
})

t.test('while the server is slow a source has 8 calls and all strangers 32; known callers pass', async t => {
  const { world, fetch, get, reasons } = await opaqueApp(t)
  await get('good-known')
  world.nowMs += 5000
  const open = Promise.withResolvers<void>()
  world.gate = open.promise
  const before = fetch.calls.length
  const answers: Array<ReturnType<typeof get>> = []
  for (let request = 0; request < 100; request++) answers.push(get(stranger()))
  await until(() => fetch.calls.length - before === 8)
  for (let source = 0; source < 200; source++) answers.push(get(stranger(), `198.51.100.${source}`))
  await until(() => fetch.calls.length - before === 32)
  for (let turn = 0; turn < 100; turn++) {
    await new Promise(resolve => {
      setImmediate(resolve)
    })
  }
  t.equal(fetch.calls.length - before, 32)
  t.equal((await get(stranger(), '198.51.100.251')).statusCode, 503)
  t.same(reasons(), ['failure strangers-limited'])
  const known = get('good-known')
  await until(() => fetch.calls.length - before === 33)
  open.resolve()
  t.equal((await known).statusCode, 200)
  const counts: Record<number, number> = {}
  for (const { statusCode, headers } of await Promise.all(answers)) {
    counts[statusCode] = (counts[statusCode] ?? 0) + 1
    if (statusCode !== 401) t.equal(headers['retry-after'], '1')
  }
  t.same(counts, { 401: 32, 429: 92, 503: 176 })
  t.equal((await get(stranger(), '198.51.100.250')).statusCode, 401, 'and afterwards strangers are answered again')
})

t.test('an outage uses nothing up', async t => {
  const { world, get } = await opaqueApp(t)
  world.down = true
  for (let request = 0; request < 100; request++) t.equal((await get(stranger())).statusCode, 503)
  world.down = false
  t.equal((await get(stranger())).statusCode, 401)
})

t.test('random refresh tokens of a source cost 30 calls; its cookies, and tokens given out here, go on', async t => {
  const { app, issuer, events } = await buildApp(t)
  const client = new Browser(app, {})
  const refreshToken = await tokenInBody(client)
  const browser = await loggedIn(app)
  const refresh = async (refreshToken: string) => await post(client, '/session/refresh', { refreshToken })
  for (let request = 0; request < 500; request++) await refresh(stranger())
  t.equal(issuer.calls.refresh, 30)
  const beyond = await refresh(stranger())
  t.equal(beyond.statusCode, 429)
  t.equal(beyond.headers['retry-after'], '2')
  t.same(events(), ['session/denied/refresh-throttled'])
  const refreshed = await refresh(refreshToken)
  t.equal(refreshed.statusCode, 200)
  t.equal((await refresh(refreshed.json<{ refreshToken: string }>().refreshToken)).statusCode, 200)
  issuer.nowMs += 301_000
  t.equal((await browser.get('/orders')).statusCode, 200)
})

t.test('a dead refresh token is asked about once in five seconds, in the body and in a cookie', async t => {
  const { app, issuer } = await buildApp(t)
  const browser = await loggedIn(app)
  const headers = { cookie: browser.cookieHeader() }
  issuer.endSessionsOf('customer1')
  for (let request = 0; request < 100; request++) {
    t.equal((await app.inject({ url: '/orders', headers })).statusCode, 401)
  }
  t.equal(issuer.calls.refresh, 1)
  const client = new Browser(app, {})
  for (let request = 0; request < 100; request++) {
    t.equal((await post(client, '/session/refresh', { refreshToken: 'dead' })).statusCode, 401)
  }
  t.equal(issuer.calls.refresh, 2)
  issuer.nowMs += 5000
  t.equal((await app.inject({ url: '/orders', headers })).statusCode, 401)
  t.equal(issuer.calls.refresh, 3)
})

t.test('random refresh tokens at the logout cost 30 calls; cookies, and tokens given out here, pass', async t => {
  const { app, issuer, events } = await buildApp(t)
  const client = new Browser(app, {})
  const refreshToken = await tokenInBody(client)
  const browser = await loggedIn(app)
  const logOut = async (refreshToken: string) => await post(client, '/logout', { refreshToken })
  for (let request = 0; request < 500; request++) await logOut(stranger())
  t.equal(issuer.calls.revoke, 30)
  const beyond = await logOut(stranger())
  t.equal(beyond.statusCode, 429)
  t.equal(beyond.headers['retry-after'], '2')
  t.equal(codeOf(beyond), 'SALLYPORT_AUTHENTICATION_THROTTLED')
  t.same(events(), ['session/denied/logout-throttled'])
  for (let request = 0; request < 10; request++) t.equal((await logOut(refreshToken)).statusCode, 204)
  t.equal((await browser.send({ method: 'POST', url: '/logout' })).statusCode, 204)
  t.equal(issuer.calls.revoke, 32)
  t.ok(issuer.sessions.every(({ ended }) => ended))
})

t.test('many sources at once cost what all strangers may have under way, and a login session goes on', async t => {
  const { app, issuer } = await buildApp(t)
  const browser = await loggedIn(app)
  issuer.nowMs += 301_000
  const open = Promise.withResolvers<void>()
  issuer.gate = open.promise
  const answers = Array.from(
    { length: 200 },
    async (_, source) =>
      await app.inject({
        method: 'POST',
        url: '/session/refresh',
        remoteAddress: `198.51.100.${source}`,
        payload: { refreshToken: stranger() }
      })
  )
  await until(() => issuer.calls.refresh === 32)
  const known = browser.get('/orders')
  await until(() => issuer.calls.refresh === 33)
  open.resolve()
  t.equal((await known).statusCode, 200)
  const statuses = (await Promise.all(answers)).map(({ statusCode }) => statusCode)
  t.equal(statuses.filter(status => status === 401).length, 32)
  t.equal(statuses.filter(status => status === 503).length, 168)
  t.equal(issuer.calls.refresh, 33)
})

t.test('P1: boot names every mistake in the limits for strangers', async t => {
  const issuer = new FakeIssuer()
  const app = Fastify()
  app.decorateRequest('principal', null)
  const strangers = { callsPerSource: 0, refusalsPerSource: -1, calls: 1.5, maxSources: Number.NaN }
  const { verifier, tokenClient } = issuer
  const session = { tokenClient, keys: [key('k')] }
  const register = async () => await app.register(authentication, { verifier, strangers, session })
  const error = await register().then(
    () => null,
    (error: Error) => error
  )
  for (const name of Object.keys(strangers)) t.ok(error?.message.includes(`strangers.${name}`), name)
})
