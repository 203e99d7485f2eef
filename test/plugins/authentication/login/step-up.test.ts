import authentication from '@sallyport/authentication'
import securityContext, { declarationMistakes, type StepUp } from '@sallyport/security-context'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { buildLoginApp, goThroughLogin, type LoginApp } from '../../../support/login-app.ts'
import { Browser, codeOf } from '../../support/session-app.ts'

const ROUTES: Readonly<Record<string, StepUp>> = {
  '/recent': { maxAgeSeconds: 60 },
  '/strong': { acr: ['urn:two-factors', 'urn:key'] },
  '/both': { maxAgeSeconds: 60, acr: ['urn:key'] }
}

function addRoutes(app: FastifyInstance): void {
  for (const [url, stepUp] of Object.entries(ROUTES)) {
    app.get(url, { config: { access: 'authenticated', audit: 'none', stepUp } }, async () => 'passed')
  }
}

async function startApp(t: Test): Promise<LoginApp> {
  return await buildLoginApp(t, { addRoutes })
}

const API = { accept: 'application/json', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }

t.test(
  'S-15: a login that is too old gets a program the challenge, and a browser a new login and the page',
  async t => {
    const login = await startApp(t)
    const browser = login.browser()
    await goThroughLogin(login, browser)
    t.equal((await browser.get('/recent')).body, 'passed')
    login.clock.ms += 65_000
    t.equal((await browser.get('/recent')).body, 'passed', 'within the tolerance of clocks')
    login.clock.ms += 1000
    login.reasons()

    const called = await browser.get('/recent?page=2', API)
    t.equal(called.statusCode, 401)
    t.equal(codeOf(called), 'SALLYPORT_AUTHENTICATION_INSUFFICIENT')
    t.equal(
      called.headers['www-authenticate'],
      'Bearer error="insufficient_user_authentication", ' +
        'error_description="A more recent or a stronger login is required", max_age="60"'
    )
    t.equal(called.json<{ login: unknown }>().login, '/login?max_age=60')
    t.match(login.reasons(), ['authentication/success/authenticated', 'authentication/denied/authentication-too-old'])

    const opened = await browser.get('/recent?page=2')
    t.equal(opened.statusCode, 303)
    t.equal(opened.headers.location, '/login?returnTo=%2Frecent%3Fpage%3D2&max_age=60')
    const begun = await browser.get(String(opened.headers.location))
    t.equal(login.issuer.asked(String(begun.headers.location)).get('max_age'), '60')
    const ended = await browser.get(login.issuer.authorize(String(begun.headers.location)))
    t.equal(ended.headers.location, '/recent?page=2')
    t.equal((await browser.get('/recent?page=2')).body, 'passed')
    t.equal((await browser.get('/orders')).statusCode, 200, 'other routes ask for nothing')
  }
)

t.test('S-15: a login that is too weak is one that has to be stronger', async t => {
  const login = await startApp(t)
  const browser = login.browser()
  login.issuer.tricks = { idClaims: { acr: 'urn:password' } }
  await goThroughLogin(login, browser)
  const called = await browser.get('/strong', API)
  t.match(called.headers['www-authenticate'], 'acr_values="urn:two-factors urn:key"')
  t.equal(called.json<{ login: unknown }>().login, '/login?acr_values=urn%3Atwo-factors+urn%3Akey')
  t.equal(login.reasons().at(-1), 'authentication/denied/authentication-too-weak')
  const opened = await browser.get('/strong')
  login.issuer.tricks = { idClaims: { acr: 'urn:key' } }
  t.equal((await goThroughLogin(login, browser, String(opened.headers.location))).headers.location, '/strong')
  t.equal((await browser.get('/strong')).body, 'passed')
  t.equal((await browser.get('/both')).body, 'passed')
})

t.test('the page of a login that was too weak leads to one at which the issuer asks the person again', async t => {
  const login = await startApp(t)
  const browser = login.browser()
  login.issuer.tricks = { idClaims: { acr: 'urn:password' } }
  await goThroughLogin(login, browser)
  const opened = await browser.get('/strong')
  const refused = await goThroughLogin(login, browser, String(opened.headers.location))
  t.equal(refused.statusCode, 400)
  const [, address = ''] = /<a href="([^"]+)">Log in again/.exec(refused.body) ?? []
  const again = await browser.get(address.replaceAll('&amp;', '&'))
  const asked = Object.fromEntries(login.issuer.asked(String(again.headers.location)))
  t.match(asked, { prompt: 'login', acr_values: 'urn:two-factors urn:key' })
  login.issuer.tricks = { idClaims: { acr: 'urn:key' } }
  const end = login.issuer.authorize(String(again.headers.location))
  t.equal((await browser.get(end)).headers.location, '/strong')
})

t.test('what the token says comes before what the login said, and a token that says nothing does not pass', async t => {
  const login = await startApp(t)
  const now = login.clock.ms / 1000
  const statusOf = async (claims: Record<string, unknown>, url: string) =>
    (await login.issuer.kit.injectAs(login.app, { aud: 'shop-api', ...claims }, url)).statusCode
  t.equal(await statusOf({ auth_time: now - 10 }, '/recent'), 200)
  t.equal(await statusOf({ auth_time: now - 66 }, '/recent'), 401)
  t.equal(await statusOf({ auth_time: now + 60 }, '/recent'), 401, 'not in the future')
  t.equal(await statusOf({ auth_time: String(now) }, '/recent'), 401)
  t.equal(await statusOf({}, '/recent'), 401)
  t.equal(await statusOf({ acr: 'urn:key' }, '/strong'), 200)
  t.equal(await statusOf({ acr: 'urn:password' }, '/strong'), 401)
  t.equal(await statusOf({ acr: ['urn:key'] }, '/strong'), 401)
  t.equal(await statusOf({ acr: 'urn:key', auth_time: now - 66 }, '/both'), 401)

  login.issuer.tricks = { accessClaims: { auth_time: now - 3600 } }
  const browser = login.browser()
  await goThroughLogin(login, browser)
  t.equal((await browser.get('/recent', API)).statusCode, 401)
})

t.test('a route that asks for nonsense fails the boot, and one that nobody holds callers to is a mistake', async t => {
  const bad: ReadonlyArray<readonly [StepUp, RegExp]> = [
    [{}, /neither maxAgeSeconds nor acr/],
    [{ maxAgeSeconds: -1 }, /not a whole number/],
    [{ maxAgeSeconds: 1.5 }, /not a whole number/],
    [{ acr: [] }, /not a list of values/],
    [{ acr: ['a b'] }, /not a list of values/],
    [{ acr: ['a"b'] }, /not a list of values/]
  ]
  for (const [stepUp, message] of bad) {
    await t.rejects(
      buildLoginApp(t, {
        addRoutes: app => {
          app.get('/x', { config: { access: 'authenticated', audit: 'none', stepUp } }, async () => '')
        }
      }),
      message
    )
  }
  const app = Fastify()
  t.after(() => app.close())
  await app.register(securityContext)
  const config = { access: 'authenticated', stepUp: { maxAgeSeconds: 1 } } as const
  t.same(declarationMistakes(app, config), ['stepUp is asked for, and no plugin of this app holds callers to it'])
  await app.register(authentication, {
    strategies: [{ name: 'own', challenge: null, authenticate: () => ({ kind: 'not-applicable' }) }]
  })
  t.same(declarationMistakes(app, config), [])
  t.match(declarationMistakes(app, { ...config, access: 'public' }), ['stepUp: nobody is asked on a public route'])
})

t.test('without a login in the app the challenge is all there is', async t => {
  const login = await startApp(t)
  const stranger = new Browser(login.app, { authorization: `Bearer ${login.issuer.kit.token({ aud: 'shop-api' })}` })
  const answer = await stranger.get('/recent', { accept: 'text/html' })
  t.equal(answer.statusCode, 401, 'who brings a token is told of that alone')
  t.equal(answer.json<{ login?: unknown }>().login, undefined)
})
