// Whatever an issuer answers, nobody is logged in but by a valid id_token of this very login.
import { randomUUID } from 'node:crypto'
import t from 'tap'
import { ANSWER_ATTACKS, ID_TOKEN_ATTACKS } from '../../../support/login-attacks.ts'
import {
  buildLoginApp,
  CLIENT_ID,
  goThroughLogin,
  type IssuerTricks,
  type LoginApp
} from '../../../support/login-app.ts'

const seconds = (login: LoginApp): number => Math.floor(login.clock.ms / 1000)

t.test('S-12: an id_token that is not of this login logs nobody in, and what came with it is revoked', async t => {
  const login = await buildLoginApp(t)
  for (const [name, { reason, tricks, path = '/login' }] of Object.entries(ID_TOKEN_ATTACKS)) {
    // Each login counts for its source.
    login.clock.ms += 60_000
    login.issuer.tricks = await tricks(login)
    login.issuer.requests.length = 0
    const browser = login.browser()
    const answer = await goThroughLogin(login, browser, path)
    t.equal(answer.statusCode, 400, name)
    t.match(answer.body, /href="\/login\?returnTo=%2F["&]/)
    t.same(login.reasons(), [`session/denied/${reason}`], name)
    t.equal(browser.cookies.size, 0, 'no session, and the login is over')
    const last = login.issuer.requests.at(-1)
    t.match([last?.path, last?.form.get('token')], ['/revoke', /^refresh-/], name)
  }
})

t.test('an id_token with what was asked for, and the usual variations, is accepted', async t => {
  const login = await buildLoginApp(t)
  const good: ReadonlyArray<readonly [string, IssuerTricks]> = [
    ['/login', { idClaims: { aud: [CLIENT_ID] } }],
    ['/login', { idClaims: { azp: CLIENT_ID, at_hash: undefined } }],
    ['/login', { idHeader: { typ: undefined } }],
    ['/login', { idClaims: { exp: seconds(login) - 4, auth_time: undefined, amr: 'pwd' } }],
    ['/login?max_age=60', { idClaims: { auth_time: seconds(login) - 64 } }],
    ['/login?acr_values=urn:strong%20urn:stronger', { idClaims: { acr: 'urn:stronger' } }]
  ]
  for (const [path, tricks] of good) {
    login.issuer.tricks = tricks
    t.equal((await goThroughLogin(login, login.browser(), path)).statusCode, 303, JSON.stringify(tricks))
  }
})

t.test('S-11: an answer that is not the issuer’s is refused before the code is shown to anybody', async t => {
  const login = await buildLoginApp(t, { metadata: { authorization_response_iss_parameter_supported: true } })
  for (const [name, { reason, answer: more }] of Object.entries(ANSWER_ATTACKS)) {
    const browser = login.browser()
    const begun = await browser.get('/login')
    login.issuer.requests.length = 0
    const refused = await browser.get(login.issuer.authorize(String(begun.headers.location), more))
    t.equal(refused.statusCode, 400)
    t.same(login.reasons(), [`session/denied/${reason}`], name)
    t.match(refused.body, 'href="/login?returnTo=%2F"', 'the way back is that of this login')
    t.equal(browser.cookies.size, 0, 'which is over')
    t.same(login.issuer.requests, [])
  }
  const browser = login.browser()
  const end = login.issuer.authorize(String((await browser.get('/login')).headers.location))
  for (const twice of ['code=x', 'state=x', 'iss=x']) {
    t.equal((await login.app.inject(`${end}&${twice}`)).statusCode, 400)
    t.same(login.reasons(), ['session/denied/login-answer-malformed'])
  }
})

t.test(
  'where the issuer does not promise to name itself, an answer without a name is taken and a wrong one is not',
  async t => {
    const login = await buildLoginApp(t)
    const end = async (iss: string | null) => {
      const browser = login.browser()
      const begun = await browser.get('/login')
      return await browser.get(login.issuer.authorize(String(begun.headers.location), { iss }))
    }
    t.equal((await end(null)).statusCode, 303)
    t.equal((await end('https://elsewhere.example')).statusCode, 400)
  }
)

t.test('a code of one login does not end another', async t => {
  const login = await buildLoginApp(t)
  const [one, other] = [login.browser(), login.browser()]
  const first = String((await one.get('/login')).headers.location)
  const second = String((await other.get('/login')).headers.location)
  const stolen = new URLSearchParams(login.issuer.authorize(second).split('?')[1]).get('code')
  t.equal((await one.get(login.issuer.authorize(first, { code: stolen }))).statusCode, 400)
  t.same(login.reasons(), ['session/denied/login-code-rejected'])
})

t.test('huge, slow, broken and redirecting answers are an outage with a page, within bounds', async t => {
  const login = await buildLoginApp(t, { client: { timeoutMs: 300 } })
  const answers: Readonly<Record<string, NonNullable<IssuerTricks['answer']>>> = {
    silent: ({ path }) => path === '/token',
    'without an end': ({ path }, response) => {
      if (path !== '/token') return false
      response.writeHead(200, { 'content-type': 'application/json' })
      const pour = (): void => {
        while (!response.destroyed && response.write('x'.repeat(16_384)));
        if (!response.destroyed) response.once('drain', pour)
      }
      pour()
      return true
    },
    redirecting: ({ path }, response) => {
      if (path !== '/token') return false
      response.writeHead(307, { location: '/elsewhere' }).end()
      return true
    },
    'no JSON': ({ path }, response) => {
      if (path !== '/token') return false
      response.writeHead(200).end('<html>')
      return true
    },
    'without an id_token': ({ path }, response) => {
      if (path !== '/token') return false
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ access_token: randomUUID(), token_type: 'Bearer', expires_in: 300 }))
      return true
    },
    'client unknown': ({ path }, response) => {
      if (path !== '/token') return false
      response.writeHead(401, { 'content-type': 'application/json' }).end('{"error":"invalid_client"}')
      return true
    }
  }
  for (const [name, answer] of Object.entries(answers)) {
    login.issuer.tricks = { answer }
    login.issuer.requests.length = 0
    const browser = login.browser()
    const ended = await goThroughLogin(login, browser)
    t.equal(ended.statusCode, 503, name)
    t.match(ended.headers, { 'retry-after': /^\d+$/, 'content-type': /text\/html/ })
    t.same(login.reasons(), ['session/failure/login-unavailable'], name)
    t.equal(browser.cookies.size, 0)
    t.notOk(login.issuer.requests.some(({ path }) => path === '/elsewhere'))
  }
})

t.test('metadata that names another issuer, or endpoints elsewhere, sends nobody there', async t => {
  for (const metadata of [
    { issuer: 'https://elsewhere.example' },
    { authorization_endpoint: 'https://elsewhere.example/authorize' },
    { pushed_authorization_request_endpoint: 'https://elsewhere.example/par' },
    { authorization_endpoint: undefined }
  ]) {
    const login = await buildLoginApp(t, { metadata })
    t.equal((await login.browser().get('/login')).statusCode, 503)
    t.same(login.reasons(), ['session/failure/login-unavailable'])
  }
})

t.test('one source cannot make the issuer work without end', async t => {
  const login = await buildLoginApp(t, { metadata: { par: true } })
  const statuses = new Set<number>()
  for (let n = 0; n < 31; n++) statuses.add((await login.browser().get('/login')).statusCode)
  t.same(statuses, new Set([303, 429]))
  t.equal(login.reasons().at(-1), 'session/denied/login-throttled')
  t.equal(login.issuer.requests.filter(({ path }) => path === '/par').length, 30)
})
