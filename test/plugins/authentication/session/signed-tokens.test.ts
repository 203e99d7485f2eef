import authentication, { createTokenVerifier, sessionRoutes } from '@sallyport/authentication'
import securityContext, {
  problemDetails,
  type KeySource,
  type StatusSource,
  type TokenClient,
  type TokenSet
} from '@sallyport/security-context'
import Fastify from 'fastify'
import t from 'tap'
import { AUDIENCE, goodClaims, ISSUER, issuerKey, NOW, signToken } from '../../../support/issuer.ts'
import { Browser, key } from '../../support/session-app.ts'

/** A refresh token is the number of the refresh; each access token stands in the status list under that number. */
function setUp(t: { after: (undo: () => Promise<void>) => void }) {
  const state = { nowMs: NOW * 1000, revoked: new Set<number>(), ended: false, roles: ['CUSTOMER'] }
  const signing = issuerKey()
  const issue = (serial: number): TokenSet => {
    const iat = Math.floor(state.nowMs / 1000)
    const status = { status_list: { uri: `${ISSUER}/status/1`, idx: serial } }
    return {
      accessToken: signToken(
        signing,
        goodClaims({ iat, exp: iat + 300, roles: state.roles, jti: `t${serial}`, status })
      ),
      refreshToken: String(serial),
      expiresInSeconds: 300,
      scope: null
    }
  }
  const never = async (): Promise<never> => {
    throw new Error('not asked for here')
  }
  const tokenClient: TokenClient = {
    password: async () => issue(0),
    refresh: async ({ refreshToken }) => {
      if (state.ended) throw Object.assign(new Error('invalid_grant'), { code: 'SALLYPORT_TOKEN_REJECTED' })
      return issue(Number(refreshToken) + 1)
    },
    revoke: async () => {
      state.ended = true
    },
    exchange: never,
    clientCredentials: never
  }
  const keys: KeySource = {
    find: async id => (id === signing.keyId ? signing.verification : null),
    isPublished: id => id === signing.keyId,
    ready: async () => {},
    ageMs: () => 0,
    close: async () => {}
  }
  const status: StatusSource = {
    follow: async () => {},
    check: ({ index }) => (state.revoked.has(index) ? 'revoked' : 'valid'),
    ageMs: () => 0,
    close: async () => {}
  }
  const clock = (): number => state.nowMs
  const app = Fastify()
  t.after(async () => {
    await app.close()
  })
  const verifier = createTokenVerifier({ issuer: ISSUER, audience: AUDIENCE, keys, status, clock })
  return { app, state, options: { verifier, session: { tokenClient, clock, keys: [key('k')] } } }
}

t.test(
  'with signed tokens and a status list: login, refresh at expiry, new roles after a revoked token, end of the session',
  async t => {
    const { app, state, options } = setUp(t)
    await app.register(securityContext)
    await app.register(problemDetails)
    await app.register(authentication, options)
    await app.register(sessionRoutes)
    const browser = new Browser(app)
    t.equal((await browser.logIn()).statusCode, 200)
    const first = await browser.get('/session')
    t.match(first.json(), { roles: ['CUSTOMER'], sessionId: 'session-1', expiresAtSeconds: NOW + 300 })
    t.equal(first.headers['set-cookie'], undefined)

    state.nowMs += 400_000
    const refreshed = await browser.get('/session')
    t.match(refreshed.json(), { expiresAtSeconds: NOW + 700 })
    t.equal(refreshed.cookies.length, 2)

    state.roles = ['ADMIN']
    state.revoked.add(1)
    t.match((await browser.get('/session')).json(), { roles: ['ADMIN'] })

    state.revoked.add(2)
    state.ended = true
    t.equal((await browser.get('/session')).statusCode, 401)
    t.equal(browser.cookies.size, 0)
  }
)
