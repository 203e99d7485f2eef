// Sessions whose tokens are bound to a key of their own: whoever has a token alone has nothing.
import { verifyDpopProof } from '@sallyport/authentication'
import { memorySessionStore } from '@sallyport/authentication/session-stores'
import t, { type Test } from 'tap'
import { buildLoginApp, goThroughLogin, type LoginApp, type LoginAppOptions } from '../../../support/login-app.ts'
import { Browser, codeOf } from '../../support/session-app.ts'

const PLACES: Record<string, () => NonNullable<LoginAppOptions['session']>> = {
  'in the cookies': () => ({}),
  'in a store': () => ({ stored: { store: memorySessionStore(), schedule: () => ({ stop: () => {} }) } })
}

async function startBound(t: Test, more: LoginAppOptions = {}): Promise<LoginApp> {
  return await buildLoginApp(t, {
    metadata: { dpop: true },
    login: { dpop: true },
    addRoutes: app => {
      app.get('/token', { config: { access: 'authenticated', audit: 'none' } }, async request => ({
        token: request.accessToken,
        key: request.dpopKey?.thumbprint() ?? null,
        proof: request.dpopKey?.prove({ method: 'GET', url: 'https://orders.example/7?a=b#c' }) ?? null
      }))
    },
    ...more
  })
}

const tokenOf = async (browser: Browser) =>
  (await browser.get('/token', { accept: 'application/json' })).json<{ token: string; key: string; proof: string }>()

/** Thumbprints of the keys that the token endpoint saw proven. */
function provenAt({ issuer, clock }: LoginApp): string[] {
  return issuer.requests
    .filter(({ path }) => path === '/token')
    .map(({ dpop }) => {
      const expected = {
        method: 'POST',
        url: `${issuer.origin}/token`,
        nowSeconds: clock.ms / 1000,
        maxAgeSeconds: 300
      }
      const result = verifyDpopProof(dpop, expected)
      return result.kind === 'valid' ? result.proof.thumbprint : result.reason
    })
}

for (const [place, session] of Object.entries(PLACES)) {
  t.test(`S-19: a session ${place} proves one key at login and refresh, and its token alone is refused`, async t => {
    const login = await startBound(t, { session: session() })
    const browser = login.browser()
    const begun = await browser.get('/login')
    const asked = login.issuer.asked(String(begun.headers.location))
    const ended = await browser.get(login.issuer.authorize(String(begun.headers.location)))
    t.equal(ended.statusCode, 303, ended.body)
    const first = await tokenOf(browser)
    t.same(provenAt(login), [first.key])
    t.equal(asked.get('dpop_jkt'), first.key, 'the code was bound to it too')
    t.equal((await tokenOf(browser)).token, first.token, 'also for a session that is known')

    const thief = new Browser(login.app, { accept: 'application/json' })
    for (const scheme of ['Bearer', 'DPoP']) {
      const stolen = await thief.get('/orders', { authorization: `${scheme} ${first.token}` })
      t.equal(stolen.statusCode, 401, scheme)
    }

    login.clock.ms += 290_000
    const renewed = await tokenOf(browser)
    t.not(renewed.token, first.token)
    t.equal(renewed.key, first.key)
    t.same(provenAt(login).slice(1), [first.key])
    const proof = verifyDpopProof(renewed.proof, {
      method: 'GET',
      url: 'https://orders.example/7',
      nowSeconds: login.clock.ms / 1000
    })
    t.match(proof, { kind: 'valid', proof: { thumbprint: first.key, nonce: null } })

    const other = login.browser()
    await goThroughLogin(login, other)
    t.not((await tokenOf(other)).key, first.key, 'each session has its own')
    const left = await browser.send({
      method: 'POST',
      url: '/logout',
      headers: { 'sec-fetch-site': 'same-origin', accept: 'application/json', 'sec-fetch-mode': 'cors' }
    })
    t.equal(left.statusCode, 204)
    t.equal(login.events.at(-1)?.subject, 'subject-1', 'the logout says whose session it was')
  })

  t.test(
    `an issuer that binds a token ${place} to nothing, or to another key, logs nobody in and refreshes nothing`,
    async t => {
      const login = await startBound(t, { session: session() })
      const others = [{ accessClaims: { cnf: undefined } }, { confirmation: { jkt: 'A'.repeat(43) } }]
      for (const tricks of [
        ...others,
        { accessClaims: { cnf: {} } },
        { confirmation: { 'x5t#S256': 'A'.repeat(43) } }
      ]) {
        login.issuer.tricks = tricks
        const answer = await goThroughLogin(login, login.browser())
        t.equal(answer.statusCode, 503, JSON.stringify(tricks))
      }
      login.issuer.tricks = {}
      const browser = login.browser()
      await goThroughLogin(login, browser)
      login.clock.ms += 310_000
      login.issuer.tricks = { accessClaims: { cnf: undefined } }
      const answer = await browser.get('/token', { accept: 'application/json' })
      t.equal(answer.statusCode, 503)
    }
  )
}

t.test('an answer that calls the token a bearer token counts for nothing', async t => {
  const login = await startBound(t)
  const kit = login.issuer.kit
  login.issuer.tricks = {
    answer: ({ path }, response) => {
      if (path !== '/token') return false
      const answer = {
        access_token: kit.token({ sub: 'subject-1' }),
        token_type: 'Bearer',
        expires_in: 300,
        id_token: kit.token({}, { typ: 'JWT' })
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
      return true
    }
  }
  const answer = await goThroughLogin(login, login.browser())
  t.equal(answer.statusCode, 503)
  t.same(login.reasons().slice(-1), ['session/failure/login-unavailable'])
})

t.test('the request is repeated once with the nonce that the issuer asks for, and the next one has it', async t => {
  const login = await startBound(t)
  let [nonce, tries] = ['nonce-1', 0]
  login.issuer.tricks = {
    answer: ({ path, dpop }, response) => {
      if (path !== '/token') return false
      tries++
      const proof = verifyDpopProof(dpop, {
        method: 'POST',
        url: `${login.issuer.origin}/token`,
        nowSeconds: login.clock.ms / 1000
      })
      response.setHeader('dpop-nonce', nonce)
      if (proof.kind === 'valid' && proof.proof.nonce === nonce) return false
      response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"use_dpop_nonce"}')
      return true
    }
  }
  const browser = login.browser()
  const both = await Promise.all([browser, login.browser()].map(async each => await goThroughLogin(login, each)))
  t.same(
    both.map(({ statusCode }) => statusCode),
    [303, 303]
  )
  t.equal(tries, 4, 'also where another request has learned the nonce meanwhile')
  login.clock.ms += 290_000
  t.equal((await browser.get('/orders')).statusCode, 200)
  t.equal(tries, 6, 'the client of refreshes learns it too')
  login.clock.ms += 290_000
  t.equal((await browser.get('/orders')).statusCode, 200)
  t.equal(tries, 7, 'and knows it from then on')
  nonce = 'nonce-2'
  login.clock.ms += 290_000
  t.equal((await browser.get('/orders')).statusCode, 200)
  t.equal(tries, 9)
})

t.test('an issuer that asks for a nonce again and again, or for one that is none, is an outage', async t => {
  for (const header of [null, 'nonce-1', 'no nonce', 'x'.repeat(1025)]) {
    const login = await startBound(t)
    let tries = 0
    login.issuer.tricks = {
      answer: ({ path }, response) => {
        if (path !== '/token') return false
        tries++
        if (header !== null) response.setHeader('dpop-nonce', header)
        response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"use_dpop_nonce"}')
        return true
      }
    }
    const answer = await goThroughLogin(login, login.browser())
    t.ok(answer.statusCode >= 400, String(answer.statusCode))
    t.equal(tries, header === 'nonce-1' ? 2 : 1)
  }
})

t.test('an issuer that takes no such proofs is not asked to log anybody in', async t => {
  for (const algorithms of [undefined, ['RS256']]) {
    const login = await startBound(t, { metadata: { dpop_signing_alg_values_supported: algorithms } })
    const answer = await login.browser().get('/login', { accept: 'application/json' })
    t.equal(answer.statusCode, 503)
    t.equal(codeOf(answer), 'SALLYPORT_AUTHENTICATION_SERVER_UNAVAILABLE')
  }
})

t.test('without the option there is no key', async t => {
  const login = await startBound(t, { login: {} })
  const browser = login.browser()
  await goThroughLogin(login, browser)
  t.match(await tokenOf(browser), { key: null, proof: null })
  t.notOk(login.issuer.requests.some(({ dpop }) => dpop !== undefined))
})
