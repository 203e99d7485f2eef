import Fastify from 'fastify'
import t, { type Test } from 'tap'
import authentication from '@sallyport/authentication'
import securityContext, { declarationMistakes, effectiveRoute, problemDetails } from '@sallyport/security-context'
import { FakeIssuer } from '../support/fake-issuer.ts'
import { buildApp, codeOf, loggedIn } from '../support/session-app.ts'

const BEARER = 'Bearer realm="api"'
const BASIC = 'Basic realm="sallyport", charset="UTF-8"'
const CREDENTIALS = ['nothing', 'bearer', 'basic', 'session', 'bad basic', 'session and basic'] as const
type Credential = (typeof CREDENTIALS)[number]

const REFUSED = 'SALLYPORT_AUTHENTICATION_REQUIRED'
const REJECTED = 'SALLYPORT_AUTHENTICATION_BASIC_REJECTED'

/** Which strategy accepts each credential on each route, or the code of the refusal; and what a 401 offers. */
const TABLE: Readonly<
  Record<string, { strategies?: string[]; challenge: string | undefined; outcomes: Record<Credential, string> }>
> = {
  '/by/all': {
    challenge: `${BEARER}, ${BASIC}`,
    outcomes: {
      nothing: REFUSED,
      bearer: 'bearer',
      basic: 'basic',
      session: 'session',
      'bad basic': REJECTED,
      'session and basic': 'basic'
    }
  },
  '/by/bearer': {
    strategies: ['bearer'],
    challenge: BEARER,
    outcomes: {
      nothing: REFUSED,
      bearer: 'bearer',
      basic: REFUSED,
      session: REFUSED,
      'bad basic': REFUSED,
      'session and basic': REFUSED
    }
  },
  '/by/basic': {
    strategies: ['basic'],
    challenge: BASIC,
    outcomes: {
      nothing: REFUSED,
      bearer: REFUSED,
      basic: 'basic',
      session: REFUSED,
      'bad basic': REJECTED,
      'session and basic': 'basic'
    }
  },
  '/by/session': {
    strategies: ['session'],
    challenge: undefined,
    outcomes: {
      nothing: REFUSED,
      bearer: REFUSED,
      basic: REFUSED,
      session: 'session',
      'bad basic': REFUSED,
      'session and basic': 'session'
    }
  },
  '/by/session-first': {
    strategies: ['session', 'basic'],
    challenge: BASIC,
    outcomes: {
      nothing: REFUSED,
      bearer: REFUSED,
      basic: 'basic',
      session: 'session',
      'bad basic': REJECTED,
      'session and basic': 'session'
    }
  },
  '/by/basic-first': {
    strategies: ['basic', 'session'],
    challenge: BASIC,
    outcomes: {
      nothing: REFUSED,
      bearer: REFUSED,
      basic: 'basic',
      session: 'session',
      'bad basic': REJECTED,
      'session and basic': 'basic'
    }
  }
}

t.test('a route accepts the strategies that it names, in its order, and its 401 offers no other', async t => {
  const issuer = new FakeIssuer()
  const { app, details } = await buildApp(t, {
    issuer,
    basic: {},
    addRoutes: app => {
      for (const [url, { strategies }] of Object.entries(TABLE)) {
        const config = { access: 'authenticated' as const, ...(strategies && { strategies }) }
        app.get(url, { config }, async request => request.principal?.subject)
      }
    }
  })
  const cookie = (await loggedIn(app)).cookieHeader()
  const { accessToken } = await issuer.tokenClient.password({ username: 'customer1', password: 'pass:word' })
  const basic = (password: string): string => `Basic ${Buffer.from(`customer1:${password}`).toString('base64')}`
  const headersOf: Record<Credential, Record<string, string>> = {
    nothing: {},
    bearer: { authorization: `Bearer ${accessToken}` },
    basic: { authorization: basic('pass:word') },
    session: { cookie },
    'bad basic': { authorization: basic('wrong') },
    'session and basic': { cookie, authorization: basic('pass:word') }
  }
  for (const [url, { challenge, outcomes }] of Object.entries(TABLE)) {
    for (const credential of CREDENTIALS) {
      const answer = await app.inject({ url, headers: headersOf[credential] })
      const expected = outcomes[credential]
      const found = answer.statusCode === 200 ? details().at(-1)?.detail?.strategy : codeOf(answer)
      t.equal(found, expected, `${url} with ${credential}`)
      if (answer.statusCode === 401) t.equal(answer.headers['www-authenticate'], challenge, `${url}: ${credential}`)
    }
  }
})

async function appWith(t: Test, config: Record<string, unknown>) {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(securityContext)
  await app.register(problemDetails)
  await app.register(authentication, { verifier: new FakeIssuer().verifier })
  app.get('/reports', { config }, async () => ({}))
  return app
}

t.test(
  'a route that names an unknown strategy, one twice, none, or one where nobody is asked does not boot',
  async t => {
    for (const [config, message] of [
      [{ access: 'authenticated', strategies: ['baerer'] }, /GET \/reports: strategies: "baerer" is none of bearer$/],
      [{ access: 'authenticated', strategies: ['bearer', 'bearer'] }, /strategies: bearer is named twice$/],
      [{ access: 'authenticated', strategies: [] }, /strategies: not a list of names$/],
      [{ access: 'authenticated', strategies: 'bearer' }, /strategies: not a list of names$/],
      [{ access: 'public', strategies: ['bearer'] }, /strategies: nobody is asked on a public route$/]
    ] as const) {
      const app = await appWith(t, config)
      await t.rejects(Promise.resolve(app.ready()), { code: 'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID', message })
    }
  }
)

t.test('a route that was added before the plugin and names an unknown strategy refuses every request', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(securityContext)
  await app.register(problemDetails)
  app.all(
    '/table/*',
    {
      config: {
        access: 'authenticated',
        resolveRoute: () => ({ url: '/x', found: true, config: { access: 'authenticated', strategies: ['unknown'] } })
      }
    },
    async request => effectiveRoute(request).url
  )
  await app.register(authentication, { verifier: new FakeIssuer().verifier })
  t.equal((await app.inject('/table/1')).statusCode, 500)
})

t.test('what would fail the boot of a route is a mistake in the entry of a table too', async t => {
  const app = await appWith(t, { access: 'authenticated' })
  t.strictSame(declarationMistakes(app, { access: 'authenticated', strategies: ['bearer'] }), [])
  t.match(declarationMistakes(app, { strategies: ['basic'] }), [/access is missing/, /"basic" is none of bearer/])
  t.match(declarationMistakes(app, { access: { kind: 'scope', allOf: ['a'] } }), [/no plugin of this app decides/])
  t.match(declarationMistakes(Fastify(), { access: 'public', strategies: ['bearer'] }), [/no plugin of this app knows/])
})
