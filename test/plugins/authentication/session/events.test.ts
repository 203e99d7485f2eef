// Whom the security events of logins, refreshes and logouts are about.
import t from 'tap'
import { Browser, buildApp, loggedIn } from '../../support/session-app.ts'

t.test('a login names who was tried, and the subject once it is known; no password is anywhere', async t => {
  const { app, issuer, details } = await buildApp(t)
  const logIn = async (username: string, password: string): Promise<unknown> => {
    await new Browser(app).logIn({ username, password })
    t.notMatch(JSON.stringify(details()), password)
    t.ok(details().every(({ detail }) => detail === undefined))
    return details().map(({ reason, subject, nameTried }) => [reason, nameTried, subject])
  }
  t.same(await logIn('customer1', 'wrong-canary'), [['login-rejected', 'customer1', undefined]])
  t.same(await logIn('nobody', 'canary'), [['login-rejected', 'nobody', undefined]])
  t.same(await logIn('customer1', 'pass:word'), [['login-succeeded', 'customer1', 'subject-of-customer1']])
  issuer.trouble = 'throttled'
  t.same(await logIn('customer1', 'pass:word'), [['login-throttled', 'customer1', undefined]])
  issuer.trouble = 'unavailable'
  t.same(await logIn('customer1', 'pass:word'), [['login-unavailable', 'customer1', undefined]])
})

t.test('a refresh and a logout name the subject', async t => {
  const { app, issuer, details } = await buildApp(t)
  const browser = await loggedIn(app)
  issuer.nowMs += 301_000
  await browser.get('/orders')
  t.match(details()[0], { reason: 'session-refreshed', subject: 'subject-of-customer1' })
  await browser.send({ method: 'POST', url: '/logout' })
  t.match(details()[0], { reason: 'logout', subject: 'subject-of-customer1' })
})
