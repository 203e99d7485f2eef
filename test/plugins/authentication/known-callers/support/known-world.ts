import createError from '@fastify/error'
import authentication, { createTokenVerifier } from '@sallyport/authentication'
import authorization, { scope } from '@sallyport/authorization'
import securityContext, { problemDetails } from '@sallyport/security-context'
import tokenExchange from '@sallyport/token-exchange'
import Fastify, { type FastifyInstance, type FastifyRequest, type InjectOptions } from 'fastify'
import type { Test } from 'tap'
import { createCookieJar } from '../../../../../plugins/authentication/src/session/cookie-jar.ts'
import { dpopKey } from '../../../../support/dpop.ts'
import { AUDIENCE, fixedKeys, goodClaims, ISSUER, issuerKey, NOW, signToken } from '../../../../support/issuer.ts'
import { key as sealingKey } from '../../../support/session-app.ts'
import { fakeFetch } from '../../support/servers.ts'

export type KnownKind = 'bearer' | 'session' | 'basic' | 'opaque'
export const KNOWN_KINDS: readonly KnownKind[] = ['bearer', 'session', 'basic', 'opaque']
export const ORIGIN = 'https://api.example'
const ACCESS = '__Host-sallyport-access'
const REFRESH = '__Host-sallyport-refresh'

const Rejected = createError('SALLYPORT_TOKEN_REJECTED', 'The credentials are not valid', 401)

/** What a test can change between two requests, and what was asked of others. */
export interface KnownWorld {
  nowMs: number
  revoked: boolean
  readonly calls: { statusChecks: number; logins: number; exchanges: number }
}

const issuer = issuerKey('ES256')
export const holder = dpopKey()
const status = { status: { status_list: { idx: 7, uri: `${ISSUER}/status/1` } } }
export const TOKEN = signToken(issuer, goodClaims(status))
export const BOUND = signToken(issuer, goodClaims({ ...status, jti: 'bound', cnf: { jkt: holder.thumbprint } }))
export const CERTIFICATE_BOUND = signToken(issuer, goodClaims({ jti: 'mtls', cnf: { 'x5t#S256': 'a'.repeat(43) } }))

const jar = createCookieJar({
  keys: [sealingKey('k1')],
  cookiePrefix: 'sallyport',
  insecureLoopback: false,
  sameSite: 'lax'
} as unknown as Parameters<typeof createCookieJar>[0])
export const cookiesOf = (pairing: string, accessToken = TOKEN): Record<'access' | 'refresh', string> => {
  const sealed = jar.seal({ accessToken, refreshToken: `refresh of ${pairing}` }, pairing.padEnd(22, '-'))
  const value = (wanted: string): string => sealed.find(({ name }) => name === wanted)?.value ?? ''
  return { access: `${ACCESS}=${value(ACCESS)}`, refresh: `${REFRESH}=${value(REFRESH)}` }
}
const own = cookiesOf('one')

/** The credential of each kind, the same each time. */
export const CREDENTIALS: Readonly<Record<KnownKind, Record<string, string>>> = {
  bearer: { authorization: `Bearer ${TOKEN}` },
  session: { cookie: `theme=dark; ${own.access}; ${own.refresh}; last=1` },
  basic: { authorization: `Basic ${Buffer.from('customer1:pass:word').toString('base64')}` },
  opaque: { authorization: 'Bearer an-opaque-token' }
}

interface KnownWorldHooks {
  /** Adds hooks in front of all others. */
  readonly before?: (app: FastifyInstance) => void
  /** Runs in the handler of `/metered`. */
  readonly handle?: (request: FastifyRequest) => void
}

/** An app with every strategy, and routes that accept less than all. */
export async function knownWorld(t: Test, { before, handle }: KnownWorldHooks = {}) {
  const world: KnownWorld = { nowMs: NOW * 1000, revoked: false, calls: { statusChecks: 0, logins: 0, exchanges: 0 } }
  const clock = (): number => world.nowMs
  const keys = fixedKeys(issuer)
  const fetch = fakeFetch(() => ({ body: JSON.stringify({ active: !world.revoked, ...goodClaims() }) }))
  const tokenClient = {
    password: async () => {
      if (++world.calls.logins > 1) throw new Rejected()
      return { accessToken: TOKEN, refreshToken: null, expiresInSeconds: 290, scope: null }
    },
    refresh: async () => {
      throw new Rejected()
    },
    revoke: async () => {},
    exchange: async () => {
      const accessToken = `exchanged ${++world.calls.exchanges}`
      return { accessToken, refreshToken: null, expiresInSeconds: 100, scope: null }
    },
    clientCredentials: async () => {
      throw new Rejected()
    }
  }
  const app = Fastify()
  t.after(async () => {
    await app.close()
  })
  before?.(app)
  await app.register(securityContext)
  await app.register(problemDetails)
  await app.register(authentication, {
    issuer: ISSUER,
    audience: AUDIENCE,
    keys,
    clock,
    status: {
      follow: async () => {},
      check: () => {
        world.calls.statusChecks++
        return world.revoked ? 'revoked' : 'valid'
      },
      ageMs: () => 0,
      close: async () => {}
    },
    dpop: { origin: ORIGIN },
    certificateBound: true,
    introspection: {
      endpoint: `${ISSUER}/introspect`,
      clientId: 'a',
      clientSecret: 'b',
      audience: AUDIENCE,
      cacheMs: 200_000,
      fetch,
      clock,
      log: () => {}
    },
    basic: { tokenClient },
    session: { tokenClient, keys: [sealingKey('k1')], refreshAheadSeconds: 0 }
  })
  await app.register(authorization, {})
  await app.register(tokenExchange, { tokenClient, clock })
  addRoutes(app, clock)
  app.get('/metered', { config: { access: scope('orders:read') } }, (request, reply) => {
    handle?.(request)
    void reply.send({})
  })
  await app.ready()

  const send = async (headers: Record<string, string>, options: InjectOptions = {}) =>
    await app.inject({ url: '/orders', headers, ...options })
  return { app, world, keys, fetch, send }
}

function addRoutes(app: FastifyInstance, clock: () => number): void {
  const other = createTokenVerifier({ issuer: ISSUER, audience: 'other-service', keys: fixedKeys(issuer), clock })
  const read = scope('orders:read')
  app.route({ method: ['GET', 'POST'], url: '/orders', config: { access: read }, handler: async () => ({}) })
  app.get('/admin', { config: { access: scope('orders:admin') } }, async () => ({}))
  app.get('/other', { config: { access: read, tokenVerifier: other } }, async () => ({}))
  app.get('/basic', { config: { access: read, strategies: ['basic'] } }, async () => ({}))
  app.get('/bearer', { config: { access: read, strategies: ['dpop', 'bearer'] } }, async () => ({}))
  app.get('/exchanged', { config: { access: read } }, async request => {
    if (request.url.endsWith('as=another')) request.accessToken = 'another token'
    const known = request.knownExchangedToken('delivery-service')
    return { known, token: await request.exchangeToken('delivery-service') }
  })
  app.get('/dropped', { config: { access: read } }, async request => {
    request.dropExchangedToken('delivery-service')
    return { known: request.knownExchangedToken('delivery-service') }
  })
}
