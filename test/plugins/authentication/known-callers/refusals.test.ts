// Everything that can end a caller's access is looked at for each request, also when the caller is known.
import authentication from '@sallyport/authentication'
import securityContext from '@sallyport/security-context'
import Fastify, { type InjectOptions } from 'fastify'
import t from 'tap'
import { dpopProof, hashOfToken } from '../../../support/dpop.ts'
import { AUDIENCE, NOW } from '../../../support/issuer.ts'
import {
  BOUND,
  CERTIFICATE_BOUND,
  cookiesOf,
  CREDENTIALS,
  holder,
  KNOWN_KINDS,
  knownWorld,
  ORIGIN,
  TOKEN,
  type KnownKind,
  type KnownWorld
} from './support/known-world.ts'

interface Spoiling {
  readonly name: string
  readonly kinds: readonly KnownKind[]
  readonly status: 400 | 401 | 403
  readonly change?: (world: KnownWorld, published: Map<string, unknown>) => void
  readonly request?: (headers: Record<string, string>) => InjectOptions
}

const JWT_KINDS: readonly KnownKind[] = ['bearer', 'session', 'basic']
const one = cookiesOf('one')
const two = cookiesOf('two')
const FOREIGN = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }
/** The cookies of the known session, one of them replaced. */
const withCookie = (headers: Record<string, string>, from: string, to: string): InjectOptions => ({
  headers: {
    cookie: (headers['cookie'] ?? '').replace(/__Host-sallyport-(access|refresh)=[^;]+/g, cookie =>
      cookie.startsWith(from) ? to : cookie
    )
  }
})

const SPOILINGS: readonly Spoiling[] = [
  {
    name: 'its token is revoked',
    kinds: JWT_KINDS,
    status: 401,
    change: world => {
      world.revoked = true
    }
  },
  {
    name: 'the issuer has ended it, once the answer of the issuer is old',
    kinds: ['opaque'],
    status: 401,
    change: world => {
      world.revoked = true
      world.nowMs += 200_000
    }
  },
  {
    name: 'its token has expired, tolerance included',
    kinds: KNOWN_KINDS,
    status: 401,
    change: world => {
      world.revoked = true
      world.nowMs = (NOW + 295) * 1000
    }
  },
  {
    name: 'its token has expired, with nothing else changed',
    kinds: ['bearer', 'session', 'basic'],
    status: 401,
    change: world => {
      world.nowMs = (NOW + 295) * 1000
    }
  },
  { name: 'its key is withdrawn', kinds: JWT_KINDS, status: 401, change: (_world, published) => published.clear() },
  { name: 'the route has another verifier', kinds: ['bearer'], status: 401, request: () => ({ url: '/other' }) },
  {
    name: 'the route takes only Basic',
    kinds: ['bearer', 'session', 'opaque'],
    status: 401,
    request: () => ({ url: '/basic' })
  },
  {
    name: 'the route takes only JWTs',
    kinds: ['session', 'basic', 'opaque'],
    status: 401,
    request: () => ({ url: '/bearer' })
  },
  { name: 'the route asks for more', kinds: KNOWN_KINDS, status: 403, request: () => ({ url: '/admin' }) },
  {
    name: 'its token comes under another scheme',
    kinds: ['bearer', 'opaque'],
    status: 401,
    request: ({ authorization = '' }) => ({ headers: { authorization: authorization.replace('Bearer', 'DPoP') } })
  },
  {
    name: 'a page of another site changes something',
    kinds: ['session', 'basic'],
    status: 403,
    request: headers => ({ method: 'POST', headers: { ...headers, ...FOREIGN } })
  },
  {
    name: 'the refresh cookie is of another session',
    kinds: ['session'],
    status: 401,
    request: headers => withCookie(headers, '__Host-sallyport-refresh', two.refresh)
  },
  {
    name: 'the refresh cookie is none of ours',
    kinds: ['session'],
    status: 401,
    request: headers => withCookie(headers, '__Host-sallyport-refresh', `${one.refresh.slice(0, -2)}AA`)
  },
  {
    name: 'the access cookie is of another session',
    kinds: ['session'],
    status: 401,
    request: headers => withCookie(headers, '__Host-sallyport-access', two.access)
  },
  {
    name: 'a second access cookie is tossed in',
    kinds: ['session'],
    status: 400,
    request: ({ cookie = '' }) => ({ headers: { cookie: `${cookie}; ${one.access}` } })
  },
  {
    name: 'a part of a larger cookie is tossed in',
    kinds: ['session'],
    status: 401,
    request: ({ cookie = '' }) => ({ headers: { cookie: `${cookie}; __Host-sallyport-access.0=x` } })
  },
  {
    name: 'the password is another one',
    kinds: ['basic'],
    status: 401,
    request: () => ({ headers: { authorization: `Basic ${Buffer.from('customer1:pass:wore').toString('base64')}` } })
  }
]

for (const { name, kinds, status, change, request } of SPOILINGS) {
  for (const kind of kinds) {
    t.test(`a known ${kind} caller is refused when ${name}`, async t => {
      const { send, world, keys } = await knownWorld(t)
      const headers = CREDENTIALS[kind]
      t.equal((await send(headers)).statusCode, 200)
      t.equal((await send(headers)).statusCode, 200, 'known')
      change?.(world, keys.published)
      t.equal((await send(headers, request?.(headers))).statusCode, status)
    })
  }
}

for (const kind of KNOWN_KINDS) {
  t.test(`a known ${kind} caller is checked without asking anybody`, async t => {
    const { send, world, keys, fetch } = await knownWorld(t)
    t.equal((await send(CREDENTIALS[kind])).statusCode, 200)
    const before = { lookups: keys.lookups, introspections: fetch.calls.length, logins: world.calls.logins }
    const { statusChecks } = world.calls
    t.equal((await send(CREDENTIALS[kind])).statusCode, 200)
    t.same({ lookups: keys.lookups, introspections: fetch.calls.length, logins: world.calls.logins }, before)
    if (kind !== 'opaque') t.ok(world.calls.statusChecks > statusChecks, 'its revocation bit is read')
  })
}

t.test('a route with a verifier of its own does not make its tokens known to others', async t => {
  const { send } = await knownWorld(t)
  t.equal((await send(CREDENTIALS.bearer, { url: '/other' })).statusCode, 401)
  t.equal((await send(CREDENTIALS.bearer)).statusCode, 200)
  t.equal((await send(CREDENTIALS.bearer, { url: '/other' })).statusCode, 401)
})

t.test('a bound token is proved for each request, however well it is known', async t => {
  const { send } = await knownWorld(t)
  const proof = (jti: string, changes: Record<string, unknown> = {}): string =>
    dpopProof(holder, { htm: 'GET', htu: `${ORIGIN}/orders`, iat: NOW, jti, ath: hashOfToken(BOUND), ...changes })
  const authorization = `DPoP ${BOUND}`
  t.equal((await send({ authorization, dpop: proof('first') })).statusCode, 200)
  t.equal((await send({ authorization, dpop: proof('second') })).statusCode, 200, 'known')
  t.equal((await send({ authorization })).statusCode, 401, 'no proof')
  t.equal((await send({ authorization, dpop: proof('second') })).statusCode, 401, 'replayed')
  t.equal((await send({ authorization, dpop: proof('third', { htm: 'POST' }) })).statusCode, 401, 'of another request')
  t.equal((await send({ authorization, dpop: proof('4', { ath: hashOfToken(TOKEN) }) })).statusCode, 401, 'other token')
  t.equal((await send({ authorization: `Bearer ${BOUND}` })).statusCode, 401, 'without its scheme')
  t.equal((await send({ authorization: `Bearer ${BOUND}`, dpop: proof('fifth') })).statusCode, 401)
})

t.test('a token bound to a certificate is refused on a connection without it, each time', async t => {
  const { send, app } = await knownWorld(t)
  const authorization = `Bearer ${CERTIFICATE_BOUND}`
  t.equal((await app.tokenVerifier.verify(CERTIFICATE_BOUND, async () => {})).audience, AUDIENCE, 'known by now')
  t.equal(app.tokenVerifier.recall?.(CERTIFICATE_BOUND), null)
  for (let time = 0; time < 3; time++) t.equal((await send({ authorization })).statusCode, 401)
})

t.test("an app's verifier that recalls a bound token does not let it pass unproved", async t => {
  const principal = await (await knownWorld(t)).app.tokenVerifier.verify(BOUND, async () => {})
  const caller = { principal, accessToken: BOUND }
  const app = Fastify()
  t.after(async () => {
    await app.close()
  })
  await app.register(securityContext)
  await app.register(authentication, { verifier: { verify: async () => principal, recall: () => caller } })
  app.get('/orders', async () => ({}))
  t.equal((await app.inject({ url: '/orders', headers: { authorization: `Bearer ${BOUND}` } })).statusCode, 401)
})

t.test('a token that the app puts in the slot gets nothing that is cached for the known one', async t => {
  const { send } = await knownWorld(t)
  const get = async (url: string) => (await send(CREDENTIALS.bearer, { url })).json()
  await get('/exchanged')
  t.same(await get('/exchanged'), { known: 'exchanged 1', token: 'exchanged 1' })
  t.same(await get('/exchanged?as=another'), { known: null, token: 'exchanged 2' })
})

t.test('a cached exchanged token is found at once, until it ends soon or is dropped', async t => {
  for (const kind of KNOWN_KINDS) {
    const { send, world } = await knownWorld(t)
    const get = async (url: string) => (await send(CREDENTIALS[kind], { url })).json()
    t.same(await get('/exchanged'), { known: null, token: 'exchanged 1' })
    t.same(await get('/exchanged'), { known: 'exchanged 1', token: 'exchanged 1' }, kind)
    t.same(await get('/dropped'), { known: null })
    t.same(await get('/exchanged'), { known: null, token: 'exchanged 2' })
    world.nowMs += 90_000
    t.same(await get('/exchanged'), { known: null, token: 'exchanged 3' }, 'ten seconds before its end')
  }
})

t.test('who is refused gets no cached exchanged token', async t => {
  const { send, world } = await knownWorld(t)
  await send(CREDENTIALS.bearer, { url: '/exchanged' })
  world.revoked = true
  t.equal((await send(CREDENTIALS.bearer, { url: '/exchanged' })).statusCode, 401)
})
