// What a change of scopes, audiences and clients does to what is alive.
import { admin } from '@sallyport/auth-server'
import t, { type Test } from 'tap'
import { administration } from '../support/administration.ts'
import { exchange, introspect, login, refresh, startServer, token } from '../support/authorization-server.ts'
import { authorized, authorizeUrl, browser, pkce, requestOf, WEB_APP } from '../support/browser.ts'

const ORDERS = { name: 'orders:read', audience: 'sallyport-gateway' }

async function alive(t: Test) {
  const server = await startServer(t)
  const parts = administration(server.db, () => server.clock.ms)
  const tokens = (await login(server.app)).body
  const isActive = async (accessToken = tokens.access_token) => (await introspect(server.app, accessToken)).active
  t.equal(await isActive(), true)
  return { ...server, parts, tokens, isActive }
}

const machine = async (app: Parameters<typeof token>[0]) =>
  (await token(app, 'machine-client', { grant_type: 'client_credentials' })).body

t.test(
  'a disabled scope is revoked at once, leaves at the next refresh, and comes back when it is enabled',
  async t => {
    const { app, parts, tokens, isActive } = await alive(t)
    const own = await machine(app)
    await admin.disableScope(parts, ORDERS)
    t.strictSame([await isActive(), await isActive(own.access_token)], [false, false])
    const next = (await refresh(app, tokens.refresh_token)).body
    t.notMatch(next.scope, /orders:read/)
    t.match(next.scope, /orders:write/)
    t.notMatch((await machine(app)).scope, /orders:read/)
    await admin.enableScope(parts, ORDERS)
    t.match((await refresh(app, next.refresh_token)).body.scope, /orders:read/)
  }
)

t.test('a deleted scope has the same effect, for good; the last one that clients name stays', async t => {
  const { app, parts, tokens, isActive } = await alive(t)
  await admin.deleteScope(parts, ORDERS)
  t.equal(await isActive(), false)
  t.notMatch((await refresh(app, tokens.refresh_token)).body.scope, /orders:read/)
  await t.rejects(admin.deleteScope(parts, { name: 'orders:read', audience: 'order-service' }), {
    code: 'SALLYPORT_AUTH_SERVER_IN_USE',
    message: /client gateway/
  })
})

t.test('a disabled audience refuses every grant, keeps its sessions and their refresh tokens, and goes on', async t => {
  const { app, parts, tokens, isActive } = await alive(t)
  const refused = { status: 400, body: { error: 'invalid_target' } }
  await admin.disableAudience(parts, 'order-service')
  t.equal(await isActive(), false, 'who could exchange for it, holds revoked tokens')
  const next = (await refresh(app, tokens.refresh_token)).body
  t.match(await exchange(app, next.access_token, 'order-service'), refused)
  await admin.disableAudience(parts, 'sallyport-gateway')
  t.match(await login(app), refused)
  t.match(await token(app, 'machine-client', { grant_type: 'client_credentials' }), refused)
  t.match(await refresh(app, next.refresh_token), refused)
  await admin.enableAudience(parts, 'sallyport-gateway')
  t.equal((await refresh(app, next.refresh_token)).status, 200)
})

t.test(
  'a disabled client loses its sessions for good; enabled, it begins again; deleted, it leaves nothing',
  async t => {
    const { app, db, parts, tokens, isActive } = await alive(t)
    await admin.disableClient(parts, 'gateway')
    t.equal((await refresh(app, tokens.refresh_token)).status, 401)
    await admin.enableClient(parts, 'gateway')
    t.strictSame([await isActive(), (await refresh(app, tokens.refresh_token)).body.error], [false, 'invalid_grant'])
    const again = (await login(app)).body
    t.equal(await isActive(again.access_token), true)
    await admin.deleteClient(parts, 'gateway')
    t.equal((await refresh(app, again.refresh_token)).status, 401)
    t.strictSame(await db('sessions').where({ client_id: 'gateway' }), [])
    const [{ bits }] = await db('status_lists').select('bits')
    t.ok(
      bits.some((byte: number) => byte !== 0),
      'verifiers hear of it'
    )
  }
)

t.test('a scope or audience taken from a client is revoked in its sessions, which go on without', async t => {
  const { app, parts, tokens, isActive } = await alive(t)
  const before = await parts.store.clients.find('gateway')
  await admin.changeClient(parts, 'gateway', { scopes: ['orders:write', 'admin'] })
  t.equal(await isActive(), false)
  const next = (await refresh(app, tokens.refresh_token)).body
  t.equal(next.scope, 'orders:write')
  await admin.changeClient(parts, 'gateway', { scopes: before?.scopes ?? [] })
  t.equal(await isActive(next.access_token), true, 'more rights revoke nothing')
  await admin.changeClient(parts, 'gateway', { audiences: ['restaurant-service'] })
  t.equal(await isActive(next.access_token), false)
  const last = (await refresh(app, next.refresh_token)).body
  t.match(await exchange(app, last.access_token, 'order-service'), { body: { error: 'invalid_target' } })
})

t.test('a grant taken from a client is refused at once; its access tokens live until they expire', async t => {
  const { app, parts, tokens, isActive } = await alive(t)
  await admin.changeClient(parts, 'gateway', { grantTypes: ['password'] })
  t.match(await refresh(app, tokens.refresh_token), { body: { error: 'unauthorized_client' } })
  t.match(await exchange(app, tokens.access_token, 'order-service'), { body: { error: 'unauthorized_client' } })
  t.equal(await isActive(), true)
  await admin.changeClient(parts, 'gateway', { grantTypes: ['password', 'refresh_token'] })
  t.equal((await refresh(app, tokens.refresh_token)).status, 200)
})

t.test('a method taken from a client is refused at once; its sessions go on with another one', async t => {
  const { app, parts, tokens, isActive } = await alive(t)
  await admin.changeClient(parts, 'gateway', { authenticationMethods: ['client_secret_post'] })
  t.match(await refresh(app, tokens.refresh_token), { status: 401, body: { error: 'invalid_client' } })
  await admin.changeClient(parts, 'gateway', { authenticationMethods: ['client_secret_basic'] })
  t.equal(await isActive(), true)
  t.equal((await refresh(app, tokens.refresh_token)).status, 200)
})

t.test('a redirect URI taken away stops the code and the page that are on their way to it', async t => {
  const { app, parts, events } = await alive(t)
  const { verifier, challenge } = pkce()
  const url = authorizeUrl(requestOf(challenge))
  const user = browser(app)
  const { answer } = await authorized(user, url)
  const page = await browser(app).get(url)
  await admin.changeClient(parts, 'web-app', { redirectUris: ['https://other.example/cb'] })
  const code = {
    grant_type: 'authorization_code',
    code: answer['code'] ?? '',
    redirect_uri: WEB_APP.redirect_uri,
    code_verifier: verifier
  }
  t.match(await token(app, 'web-app', code), { status: 400, body: { error: 'invalid_grant' } })
  t.ok(events.some(({ reason }) => reason === 'code-redirect-uri-removed'))
  const sent = await user.submit(page, { username: 'customer1', password: 'x' })
  t.match(sent, { statusCode: 400, headers: { location: undefined } })
})
