// Whatever an issuer answers, nobody is logged in but by a valid id_token of this very login.
import { createHmac, generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import t from 'tap'
import { buildLoginApp, CLIENT_ID, goThroughLogin, type IssuerTricks, type LoginApp } from '../../support/login-app.ts'

const HOUR = 3600
const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const signedBy = (header: object, claims: object, signature: (input: string) => Buffer): string => {
  const input = `${encode(header)}.${encode(claims)}`
  return `${input}.${signature(input).toString('base64url')}`
}

interface Attack {
  readonly reason: string
  readonly tricks: (login: LoginApp) => IssuerTricks
  readonly path?: string
}

const claims = (idClaims: Record<string, unknown>) => () => ({ idClaims })
const seconds = (login: LoginApp): number => Math.floor(login.clock.ms / 1000)

const ID_TOKENS: Readonly<Record<string, Attack>> = {
  'another issuer': { reason: 'id-token-issuer', tricks: claims({ iss: 'https://elsewhere.example' }) },
  'the issuer with a slash': {
    reason: 'id-token-issuer',
    tricks: login => ({ idClaims: { iss: `${login.issuer.origin}/` } })
  },
  'an issuer in a list': { reason: 'id-token-issuer', tricks: login => ({ idClaims: { iss: [login.issuer.origin] } }) },
  'no issuer': { reason: 'id-token-issuer', tricks: claims({ iss: undefined }) },
  'another audience': { reason: 'id-token-audience', tricks: claims({ aud: 'another-client' }) },
  'a second audience': { reason: 'id-token-audience', tricks: claims({ aud: [CLIENT_ID, 'another-client'] }) },
  'a second audience and azp': {
    reason: 'id-token-audience',
    tricks: claims({ aud: [CLIENT_ID, 'another-client'], azp: CLIENT_ID })
  },
  'no audience': { reason: 'id-token-audience', tricks: claims({ aud: [] }) },
  'another authorized party': { reason: 'id-token-authorized-party', tricks: claims({ azp: 'another-client' }) },
  'the nonce of another login': { reason: 'id-token-nonce', tricks: claims({ nonce: 'n'.repeat(43) }) },
  'no nonce': { reason: 'id-token-nonce', tricks: claims({ nonce: undefined }) },
  'the hash of another access token': { reason: 'id-token-access-token', tricks: claims({ at_hash: 'h'.repeat(22) }) },
  'a hash that is no text': { reason: 'id-token-access-token', tricks: claims({ at_hash: 1 }) },
  'no hash and the access token of somebody else': {
    reason: 'login-subject-mismatch',
    tricks: () => ({ idClaims: { at_hash: undefined }, accessClaims: { sub: 'somebody-else' } })
  },
  'no subject': { reason: 'id-token-subject', tricks: claims({ sub: undefined }) },
  'a subject with a line break': { reason: 'id-token-subject', tricks: claims({ sub: 'a\nb' }) },
  'an end in the past': { reason: 'id-token-expired', tricks: login => ({ idClaims: { exp: seconds(login) - 6 } }) },
  'no end': { reason: 'id-token-times', tricks: claims({ exp: undefined }) },
  'no beginning': { reason: 'id-token-times', tricks: claims({ iat: undefined }) },
  'times as text': {
    reason: 'id-token-times',
    tricks: login => ({ idClaims: { exp: String(seconds(login) + HOUR) } })
  },
  'a beginning in the future': {
    reason: 'id-token-not-yet-valid',
    tricks: login => ({ idClaims: { iat: seconds(login) + 60 } })
  },
  'nbf in the future': {
    reason: 'id-token-not-yet-valid',
    tricks: login => ({ idClaims: { nbf: seconds(login) + 60 } })
  },
  'an old authentication where a recent one was asked for': {
    reason: 'id-token-auth-time',
    path: '/login?max_age=60',
    tricks: login => ({ idClaims: { auth_time: seconds(login) - 66 } })
  },
  'no time of authentication where one was asked for': {
    reason: 'id-token-auth-time',
    path: '/login?max_age=60',
    tricks: claims({ auth_time: undefined })
  },
  'an authentication in the future': {
    reason: 'id-token-auth-time',
    path: '/login?max_age=60',
    tricks: login => ({ idClaims: { auth_time: seconds(login) + 60 } })
  },
  'a weaker authentication than was asked for': {
    reason: 'id-token-acr',
    path: '/login?acr_values=urn:strong%20urn:stronger',
    tricks: claims({ acr: 'urn:weak' })
  },
  'no acr where one was asked for': {
    reason: 'id-token-acr',
    path: '/login?acr_values=urn:strong',
    tricks: claims({ acr: undefined })
  },
  'the type of an access token': { reason: 'id-token-type', tricks: () => ({ idHeader: { typ: 'at+jwt' } }) },
  'the type of a logout token': { reason: 'id-token-type', tricks: () => ({ idHeader: { typ: 'logout+jwt' } }) },
  'an unknown key': { reason: 'id-token-key-unknown', tricks: () => ({ idHeader: { kid: 'another' } }) },
  'no key': { reason: 'id-token-key-unknown', tricks: () => ({ idHeader: { kid: undefined } }) },
  'a critical extension': { reason: 'id-token-signature', tricks: () => ({ idHeader: { crit: ['x'], x: 1 } }) },
  'another algorithm than that of the key': {
    reason: 'id-token-signature',
    tricks: () => ({ idHeader: { alg: 'RS256' } })
  },
  'an algorithm that is not allowed': { reason: 'id-token-algorithm', tricks: () => ({ idHeader: { alg: 'ES384' } }) },
  'alg none': {
    reason: 'id-token-algorithm',
    tricks: () => ({ idToken: claims => signedBy({ alg: 'none' }, claims, () => Buffer.from('x')) })
  },
  'no signature at all': {
    reason: 'id-token-malformed',
    tricks: () => ({ idToken: claims => signedBy({ alg: 'none' }, claims, () => Buffer.alloc(0)) })
  },
  'an HMAC with the client secret': {
    reason: 'id-token-algorithm',
    tricks: () => ({
      idToken: claims =>
        signedBy({ alg: 'HS256' }, claims, input => createHmac('sha256', 'shop-secret').update(input).digest())
    })
  },
  'a key of its own in the header': {
    reason: 'id-token-key-unknown',
    tricks: () => {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      return {
        idToken: claims =>
          signedBy({ alg: 'ES256', kid: 'own', jwk: publicKey.export({ format: 'jwk' }) }, claims, input =>
            sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' })
          )
      }
    }
  },
  'one bit less': {
    reason: 'id-token-signature',
    tricks: login => ({
      idToken: claims => {
        const [header, payload, signature = ''] = login.issuer.kit.token(claims, { typ: 'JWT' }).split('.')
        const bytes = Buffer.from(signature, 'base64url')
        bytes[10] = (bytes[10] ?? 0) ^ 1
        return `${header}.${payload}.${bytes.toString('base64url')}`
      }
    })
  },
  'five parts': { reason: 'id-token-malformed', tricks: () => ({ idToken: () => 'a.b.c.d.e' }) }
}

t.test('S-12: an id_token that is not of this login logs nobody in, and what came with it is revoked', async t => {
  const login = await buildLoginApp(t)
  for (const [name, { reason, tricks, path = '/login' }] of Object.entries(ID_TOKENS)) {
    // Each login counts for its source.
    login.clock.ms += 60_000
    login.issuer.tricks = tricks(login)
    login.issuer.requests.length = 0
    const browser = login.browser()
    const answer = await goThroughLogin(login, browser, path)
    t.equal(answer.statusCode, 400, name)
    t.match(answer.body, 'href="/login?returnTo=%2F"')
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
  const answers: Array<[string, Record<string, string | null>]> = [
    ['login-issuer-mismatch', { iss: 'https://elsewhere.example' }],
    ['login-issuer-mismatch', { iss: null }],
    ['login-issuer-mismatch', { iss: null, code: null, error: 'access_denied' }],
    ['login-answer-malformed', { iss: '' }],
    ['login-answer-malformed', { code: null }],
    ['login-answer-malformed', { error: 'access_denied' }],
    ['login-answer-malformed', { code: 'x'.repeat(4097) }]
  ]
  for (const [reason, more] of answers) {
    const browser = login.browser()
    const begun = await browser.get('/login')
    login.issuer.requests.length = 0
    t.equal((await browser.get(login.issuer.authorize(String(begun.headers.location), more))).statusCode, 400)
    t.same(login.reasons(), [`session/denied/${reason}`], JSON.stringify(more))
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
