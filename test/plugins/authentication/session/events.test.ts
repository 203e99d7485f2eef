// Whom the security events of logins, refreshes and logouts are about.
import t from 'tap'
import { Browser, buildApp, loggedIn } from './app.ts'

t.test('a login names who was tried, and the subject once it is known; nothing of it is in detail, and no password anywhere', async t => {
  const { app, issuer, details } = await buildApp(t)
  const logIn = async (username: string, password: string): Promise<unknown> => {
    await new Browser(app).logIn({ username, password })
    t.notMatch(JSON.stringify(details()), password)
    return details().map(({ reason, subject, nameTried, detail }) => ({ reason, subject, nameTried, detail }))
  }
  t.same(await logIn('customer1', 'wrong-canary'), [{ reason: 'login-rejected', subject: undefined, nameTried: 'customer1', detail: undefined }])
  t.same(await logIn('nobody', 'canary'), [{ reason: 'login-rejected', subject: undefined, nameTried: 'nobody', detail: undefined }])
  t.same(await logIn('customer1', 'pass:word'), [{ reason: 'login-succeeded', subject: 'subject-of-customer1', nameTried: 'customer1', detail: undefined }])
  issuer.trouble = 'throttled'
  t.same(await logIn('customer1', 'pass:word'), [{ reason: 'login-throttled', subject: undefined, nameTried: 'customer1', detail: undefined }])
  issuer.trouble = 'unavailable'
  t.same(await logIn('customer1', 'pass:word'), [{ reason: 'login-unavailable', subject: undefined, nameTried: 'customer1', detail: undefined }])
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
