import { readFileSync } from 'node:fs'
import createError from '@fastify/error'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import authentication, {
  createCredentialTokens,
  createTokenVerifier,
  type PresentedAuthorization,
  type Strategy
} from '@sallyport/authentication'
import securityContext, { type SecurityEvent, type TokenClient, type TokenSet } from '@sallyport/security-context'
import tokenExchange from '@sallyport/token-exchange'
import { STRATEGIES } from '../../../plugins/authentication/src/strategy-table.ts'
import { AUDIENCE, clock, fixedKeys, ISSUER, issuerKey, signToken } from '../../support/issuer.ts'

const key = issuerKey('ES256')
const verifying = { issuer: ISSUER, audience: AUDIENCE, keys: fixedKeys(key), clock }
const ApiKeyRejectedError = createError<[ErrorOptions?]>('DEMO_API_KEY_REJECTED', 'The API key is not valid', 401)
const rejected = (): Error => Object.assign(new Error('invalid_grant'), { code: 'SALLYPORT_TOKEN_REJECTED' })

const never: Strategy = {
  name: 'never',
  challenge: null,
  authenticate: async () => ({ kind: 'not-applicable' })
}

/** A token client that exchanges and revokes, and remembers for what. */
function tokenClient(): TokenClient & { readonly subjects: string[]; readonly revoked: string[] } {
  const subjects: string[] = []
  const revoked: string[] = []
  const refuse = async (): Promise<never> => await Promise.reject(rejected())
  return {
    subjects,
    revoked,
    password: refuse,
    refresh: refuse,
    clientCredentials: refuse,
    exchange: async ({ subjectToken }) => {
      subjects.push(subjectToken)
      return { accessToken: 'exchanged', refreshToken: null, expiresInSeconds: 60, scope: null }
    },
    revoke: async ({ token }) => {
      revoked.push(token)
    }
  }
}

async function buildApp(t: Test, strategies: readonly Strategy[], client = tokenClient()) {
  const events: SecurityEvent[] = []
  const app: FastifyInstance = Fastify()
  t.teardown(() => app.close())
  await app.register(securityContext)
  app.addHook('onResponse', async request => {
    events.push(...request.securityEvents)
  })
  await app.register(authentication, { ...verifying, strategies })
  await app.register(tokenExchange, { tokenClient: client })
  app.get('/whoami', { config: { access: 'authenticated' } }, async ({ principal }) => principal?.subject)
  app.get('/exchange', { config: { access: 'authenticated' } }, async request => request.exchangeToken('orders'))
  return { app, events }
}

t.test('the README has the table of strategies, in the order in which they are asked', t => {
  const readme = readFileSync(new URL('../../../plugins/authentication/README.md', import.meta.url), 'utf8')
  const section = readme.slice(readme.indexOf('\n## Strategies\n'), readme.indexOf('\n## Errors\n'))
  t.strictSame(
    [...section.matchAll(/^\| `([a-z-]+)` \| (.+) \|$/gm)].map(([, name, takes]) => ({ name, takes })),
    Object.entries(STRATEGIES).map(([name, { takes }]) => ({ name, takes }))
  )
  t.end()
})

t.test('a name that says nothing, or that another strategy has, is a mistake at boot', async t => {
  for (const [names, message] of [
    [['bearer'], /two are called bearer/],
    [['badge', 'badge', 'badge'], /strategies: two are called badge$/],
    [['API Key', 'a--b'], /"API Key" is not a name in kebab-case; strategies: "a--b" is not/]
  ] as const) {
    const strategies = names.map(name => ({ ...never, name }))
    await t.rejects(buildApp(t, strategies), { code: 'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID', message })
  }
})

t.test('a strategy gets the Authorization header as it was read', async t => {
  const seen: PresentedAuthorization[] = []
  const { app } = await buildApp(t, [
    {
      ...never,
      authenticate: async (_request, _reply, authorization) => {
        seen.push(authorization)
        return { kind: 'not-applicable' }
      }
    }
  ])
  const headers = [{}, { authorization: 'Badge  4711 x' }, { authorization: 'BADGE\t4711' }, { authorization: 'alone' }]
  for (const each of headers) await app.inject({ url: '/whoami', headers: each })
  t.strictSame(seen, [
    { kind: 'none' },
    { kind: 'credentials', scheme: 'badge', value: '4711 x' },
    { kind: 'credentials', scheme: 'badge', value: '\t4711' },
    { kind: 'credentials', scheme: 'alone', value: '' }
  ])
})

const principal = {
  issuer: null,
  subject: 'badge-1',
  clientId: null,
  roles: [],
  scopes: [],
  audience: null,
  sessionId: null,
  tokenId: null,
  actor: null,
  issuedAtSeconds: null,
  expiresAtSeconds: null,
  claims: {}
}

t.test('a caller who was accepted without a token can use the service, and nothing on behalf of a token', async t => {
  const client = tokenClient()
  const badge: Strategy = {
    name: 'badge',
    challenge: null,
    authenticate: async () => ({ kind: 'accepted', principal, accessToken: null })
  }
  const { app, events } = await buildApp(t, [badge], client)
  t.equal((await app.inject('/whoami')).body, 'badge-1')
  t.match(events[0], { outcome: 'success', detail: { strategy: 'badge' } })
  const answer = await app.inject('/exchange')
  t.match(answer.json(), { statusCode: 403, code: 'SALLYPORT_TOKEN_CALLER_WITHOUT_TOKEN' })
  t.same(client.subjects, [])
})

/** A strategy for API keys, as the README shows it. */
function apiKeys(client: TokenClient, logIn: (apiKey: string) => Promise<TokenSet>) {
  const tokens = createCredentialTokens<string>(
    {
      tokenClient: client,
      partsOf: apiKey => [apiKey],
      logIn,
      refuse: cause => new ApiKeyRejectedError({ cause }),
      clock
    },
    createTokenVerifier(verifying)
  )
  const strategy: Strategy = {
    name: 'api-key',
    challenge: null,
    authenticate: async ({ headers, ip }) => {
      const apiKey = headers['x-api-key']
      if (typeof apiKey !== 'string') return { kind: 'not-applicable' }
      try {
        return { kind: 'accepted', ...(await tokens.obtain(apiKey, { sourceAddress: ip })) }
      } catch (error) {
        return { kind: 'refused', error: error as InstanceType<typeof ApiKeyRejectedError> }
      }
    }
  }
  return { strategy, tokens }
}

t.test('a credential of another kind becomes a token once, which is exchanged and revoked at the end', async t => {
  const client = tokenClient()
  const asked: string[] = []
  const accessToken = signToken(key)
  const { strategy, tokens } = apiKeys(client, async apiKey => {
    asked.push(apiKey)
    if (apiKey !== 'good') throw rejected()
    return { accessToken, refreshToken: 'refresh-1', expiresInSeconds: 300, scope: null }
  })
  const { app, events } = await buildApp(t, [strategy], client)
  for (let call = 0; call < 2; call++) {
    t.equal((await app.inject({ url: '/exchange', headers: { 'x-api-key': 'good' } })).body, 'exchanged')
  }
  t.same(asked, ['good'])
  t.same(client.subjects, [accessToken])
  for (let call = 0; call < 2; call++) {
    const refused = await app.inject({ url: '/exchange', headers: { 'x-api-key': 'guess' } })
    t.match(refused.json(), { statusCode: 401, code: 'DEMO_API_KEY_REJECTED' })
  }
  t.same(asked, ['good', 'guess'], 'a rejected key is remembered')
  t.match(events.at(-1), { outcome: 'denied', detail: { strategy: 'api-key' } })
  await tokens.drain()
  t.same(client.revoked, ['refresh-1'])
})

t.test('credentials of the same letters in other parts are two credentials', async t => {
  const asked: string[] = []
  const tokens = createCredentialTokens<readonly [string, string]>(
    {
      tokenClient: tokenClient(),
      partsOf: parts => parts,
      logIn: async parts => {
        asked.push(parts.join('|'))
        return { accessToken: signToken(key), refreshToken: null, expiresInSeconds: 300, scope: null }
      },
      refuse: () => new ApiKeyRejectedError(),
      clock
    },
    createTokenVerifier(verifying)
  )
  for (const parts of [
    ['ab', 'c'],
    ['a', 'bc'],
    ['ab', 'c'],
    ['1:a', 'b'],
    ['1', 'ab']
  ] as const) {
    await tokens.obtain(parts, {})
  }
  t.same(asked, ['ab|c', 'a|bc', '1:a|b', '1|ab'])
})
