// The issuer refuses a token that the verifier still accepts: its roles changed a moment ago, or its key was withdrawn.
import t from 'tap'
import { Browser, buildApp, codeOf, loggedIn, until } from '../../support/session-app.ts'
import { FakeIssuer } from '../../support/fake-issuer.ts'

const SET = ['__Host-sallyport-access', '__Host-sallyport-refresh']
const BASIC = { authorization: `Basic ${Buffer.from('customer1:pass:word').toString('base64')}` }

/** An issuer whose revocations the verifier does not see yet. */
function blindIssuer(): FakeIssuer {
  const issuer = new FakeIssuer()
  issuer.statusBlind = true
  return issuer
}

t.test('after a role change a session is refreshed once and the exchange repeated', async t => {
  const { app, issuer, events } = await buildApp(t, { issuer: blindIssuer() })
  const browser = await loggedIn(app)
  issuer.changeRoles('customer1', ['ADMIN'])
  const response = await browser.get('/exchanged')
  t.equal(response.statusCode, 200)
  t.same(response.json(), { tokens: ['order-service as ADMIN', 'delivery-service as ADMIN'], roles: ['ADMIN'] })
  t.same(
    response.cookies.map(({ name }) => name),
    SET
  )
  t.match(issuer.calls, { refresh: 1, exchange: 4 })
  t.notMatch(events().join(), 'denied')
  t.equal((await browser.get('/exchanged')).statusCode, 200)
  t.match(issuer.calls, { refresh: 1, exchange: 4 }, 'the new cookies work by themselves')
})

t.test('50 requests at once after a role change make one refresh, and all get the same cookies', async t => {
  const { app, issuer } = await buildApp(t, { issuer: blindIssuer() })
  const browser = await loggedIn(app)
  issuer.changeRoles('customer1', ['ADMIN'])
  const open = Promise.withResolvers<void>()
  issuer.gate = open.promise
  issuer.calls.verify = 0
  const headers = { cookie: browser.cookieHeader() }
  const requests = Array.from({ length: 50 }, async () => await app.inject({ url: '/exchanged', headers }))
  await until(() => issuer.calls.verify === 50)
  open.resolve()
  const responses = await Promise.all(requests)
  t.same(new Set(responses.map(({ statusCode }) => statusCode)), new Set([200]))
  t.equal(new Set(responses.map(({ headers }) => String(headers['set-cookie']))).size, 1)
  t.equal(issuer.calls.refresh, 1)
  const late = await app.inject({ url: '/exchanged', headers })
  const same = String(responses[0]?.headers['set-cookie'])
  t.equal(String(late.headers['set-cookie']), same, 'and who comes late with the old cookies')
  t.equal(issuer.calls.refresh, 1)
})

t.test('a token that was refreshed a moment ago and is refused is refreshed again, not taken from memory', async t => {
  const { app, issuer } = await buildApp(t, { issuer: blindIssuer() })
  const old = { cookie: (await loggedIn(app)).cookieHeader() }
  issuer.nowMs += 301_000
  t.equal((await app.inject({ url: '/orders', headers: old })).statusCode, 200)
  issuer.changeRoles('customer1', ['ADMIN'])
  const response = await app.inject({ url: '/exchanged', headers: old })
  t.same(response.json<{ roles: string[] }>().roles, ['ADMIN'])
  t.equal(issuer.calls.refresh, 2)
})

t.test('a session that is over is 401 and its cookies are cleared', async t => {
  const { app, issuer, events } = await buildApp(t, { issuer: blindIssuer() })
  const browser = await loggedIn(app)
  issuer.endSessionsOf('customer1')
  const response = await browser.get('/exchanged')
  t.equal(response.statusCode, 401)
  t.equal(codeOf(response), 'SALLYPORT_TOKEN_REJECTED')
  t.match(response.headers['www-authenticate'], /invalid_token/)
  t.equal(browser.cookies.size, 0)
  t.ok(events().includes('session/denied/refresh-rejected'))
  t.ok(events().includes('token-exchange/denied/subject-token-rejected'))
  t.equal(issuer.calls.refresh, 1)
})

t.test('when the renewed token is refused too, the answer is 401 after one refresh', async t => {
  const { app, issuer } = await buildApp(t, { issuer: blindIssuer() })
  issuer.exchangeRefusesAll = true
  const browser = await loggedIn(app)
  const response = await browser.get('/exchanged')
  t.equal(response.statusCode, 401)
  t.equal(codeOf(response), 'SALLYPORT_TOKEN_REJECTED')
  t.match(issuer.calls, { refresh: 1, exchange: 4 })
})

t.test('an outage while renewing is 503 with Retry-After and keeps the cookies', async t => {
  const { app, issuer, events } = await buildApp(t, { issuer: blindIssuer() })
  const browser = await loggedIn(app)
  issuer.changeRoles('customer1', ['ADMIN'])
  const { exchange } = issuer.tokenClient
  issuer.tokenClient.exchange = async request => {
    return await exchange(request).finally(() => {
      issuer.trouble = 'unavailable'
    })
  }
  const response = await browser.get('/exchanged')
  t.equal(response.statusCode, 503)
  t.equal(response.headers['retry-after'], '5')
  t.equal(response.headers['set-cookie'], undefined)
  t.ok(events().includes('session/failure/refresh-unavailable'))
})

t.test("without a refresh cookie, or with the caller's own token, there is nothing to renew: 401", async t => {
  const { app, issuer } = await buildApp(t, { issuer: blindIssuer() })
  const browser = await loggedIn(app)
  browser.cookies.delete(SET[1]!)
  const login = await new Browser(app, {}).logIn({ username: 'customer1', password: 'pass:word', tokens: 'body' })
  issuer.changeRoles('customer1', ['ADMIN'])
  t.equal((await browser.get('/exchanged')).statusCode, 401)
  const authorization = `Bearer ${login.json<{ accessToken: string }>().accessToken}`
  const bearer = await app.inject({ url: '/exchanged', headers: { authorization } })
  t.equal(bearer.statusCode, 401)
  t.equal(issuer.calls.refresh, 0)
})

t.test('after a role change a Basic credential is refreshed once for all requests, with the new roles', async t => {
  const { app, issuer } = await buildApp(t, { session: false, basic: {}, issuer: blindIssuer() })
  await app.inject({ url: '/orders', headers: BASIC })
  issuer.changeRoles('customer1', ['ADMIN'])
  const requests = Array.from({ length: 20 }, async () => await app.inject({ url: '/exchanged', headers: BASIC }))
  const responses = await Promise.all(requests)
  t.same(new Set(responses.map(({ statusCode }) => statusCode)), new Set([200]))
  t.same(responses[19]?.json<{ roles: string[] }>().roles, ['ADMIN'])
  t.same({ refresh: issuer.calls.refresh, password: issuer.calls.password }, { refresh: 1, password: 1 })
})

t.test('a Basic credential whose password changed meanwhile is 401', async t => {
  const { app, issuer } = await buildApp(t, { session: false, basic: {}, issuer: blindIssuer() })
  await app.inject({ url: '/orders', headers: BASIC })
  issuer.changePassword('customer1', 'another')
  t.equal((await app.inject({ url: '/exchanged', headers: BASIC })).statusCode, 401)
})

t.test('the session list renews a refused token too', async t => {
  const issuer = blindIssuer()
  const refusing = async <Result>(accessToken: string, result: Result): Promise<Result> => {
    await issuer.tokenClient.exchange({ subjectToken: accessToken, audience: 'auth-server' })
    return result
  }
  const directory = {
    list: async (accessToken: string) => await refusing(accessToken, []),
    end: async (accessToken: string) => await refusing(accessToken, true),
    endAll: async (accessToken: string) => {
      await refusing(accessToken, null)
    }
  }
  const { app } = await buildApp(t, { issuer, directory })
  const browser = await loggedIn(app)
  issuer.changeRoles('customer1', ['ADMIN'])
  t.equal((await browser.get('/sessions')).statusCode, 200)
  t.equal(issuer.calls.refresh, 1)
})
