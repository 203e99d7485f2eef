import { buildApp, memoryStore, seedStore } from '@sallyport/auth-server'
import t from 'tap'
import { CHEAP, FACTS, introspect, login, post, refresh, SETTINGS, token } from '../support/authorization-server.ts'
import { authorized, authorizeUrl, browser, pkce, requestOf, WEB_APP } from '../support/browser.ts'

async function startInMemory() {
  const store = memoryStore()
  await seedStore(store, FACTS, CHEAP)
  const app = await buildApp({ ...SETTINGS, logLevel: 'silent' }, { store, passwordParameters: CHEAP })
  return { app, store }
}

t.test('the whole server runs on the store in memory', async t => {
  const { app } = await startInMemory()
  t.teardown(async () => {
    await app.close()
  })
  const session = (await login(app)).body
  t.equal((await introspect(app, session.access_token)).active, true)
  const next = await refresh(app, session.refresh_token)
  t.equal(next.status, 200)
  t.equal((await refresh(app, session.refresh_token)).body.refresh_token, next.body.refresh_token, 'the same successor')
  t.equal((await post(app, '/oauth2/revoke', 'gateway', { token: next.body.refresh_token ?? '' })).status, 200)
  t.strictSame(await introspect(app, session.access_token), { active: false })
  t.equal((await refresh(app, next.body.refresh_token)).body.error, 'invalid_grant')
  const { verifier, challenge } = pkce()
  const { answer } = await authorized(browser(app), authorizeUrl(requestOf(challenge, { scope: 'openid orders:read' })))
  const tokens = await token(app, 'web-app', {
    grant_type: 'authorization_code',
    code: answer.code ?? '',
    redirect_uri: WEB_APP.redirect_uri,
    code_verifier: verifier
  })
  t.match([tokens.status, tokens.body.scope], [200, 'openid orders:read'])
  t.equal((await app.inject('/health/live')).statusCode, 404, 'operations are not among the routes')
})

t.test('a store without a database is refused in production, where the audit trail would be missing', async t => {
  await t.rejects(buildApp({ ...SETTINGS, nodeEnv: 'production' }, { store: memoryStore() }), {
    code: 'SALLYPORT_AUTH_SERVER_SETTINGS_INVALID'
  })
})
