import authentication, { sessionRoutes, type AuthenticationOptions } from '@sallyport/authentication'
import securityContext, { problemDetails, type SecurityEvent, type SessionDirectory } from '@sallyport/security-context'
import tokenExchange from '@sallyport/token-exchange'
import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { Browser, key } from '../../support/app-browser.ts'
import { FakeIssuer } from './fake-issuer.ts'

export { Browser, key } from '../../support/app-browser.ts'

type SessionOptions = NonNullable<AuthenticationOptions['session']>
type BasicOptions = NonNullable<AuthenticationOptions['basic']>

export interface Changes {
  readonly session?: Partial<SessionOptions> | false
  readonly basic?: Partial<BasicOptions>
  readonly directory?: SessionDirectory
  readonly issuer?: FakeIssuer
  /** Adds routes of the test. */
  readonly addRoutes?: (app: FastifyInstance) => void
}

export interface TestApp {
  readonly app: FastifyInstance
  readonly issuer: FakeIssuer
  /** `stage/outcome/reason` of the last answered request. */
  readonly events: () => readonly string[]
  readonly details: () => readonly SecurityEvent[]
}

/** An app with the authentication plugin, the session routes and two routes of its own. */
export async function buildApp(
  t: Test,
  { session = {}, basic, directory, issuer = new FakeIssuer(), addRoutes }: Changes = {}
): Promise<TestApp> {
  const app = Fastify({ ajv: { customOptions: { coerceTypes: false, removeAdditional: false } } })
  t.after(async () => {
    await app.close()
  })
  let last: readonly SecurityEvent[] = []
  await app.register(securityContext)
  await app.register(problemDetails)
  const { tokenClient, verifier, clock } = issuer
  await app.register(authentication, {
    verifier,
    clock,
    ...(session === false ? {} : { session: { tokenClient, keys: [key('k1')], ...session } }),
    ...(basic === undefined ? {} : { basic: { tokenClient, ...basic } })
  })
  await app.register(tokenExchange, { tokenClient, clock })
  if (session !== false) await app.register(sessionRoutes, directory === undefined ? {} : { directory })
  const who = { config: { access: 'authenticated' as const, audit: 'none' as const } }
  app.route({
    method: ['GET', 'POST', 'PUT', 'DELETE'],
    url: '/orders',
    ...who,
    handler: async request => ({
      subject: request.principal?.subject,
      roles: request.principal?.roles,
      token: request.accessToken,
      sessionId: request.principal?.sessionId
    })
  })
  app.get('/exchanged', who, async request => {
    const audiences = ['order-service', 'delivery-service']
    const tokens = await Promise.all(audiences.map(async audience => await request.exchangeToken(audience)))
    return { tokens, roles: request.principal?.roles }
  })
  app.get('/cacheable', who, async (_request, reply) => {
    await reply.header('cache-control', 'public, max-age=3600').send({})
  })
  addRoutes?.(app)
  app.addHook('onSend', async function remember(request) {
    last = [...request.securityEvents]
  })
  await app.ready()
  return {
    app,
    issuer,
    details: () => last,
    events: () => last.map(({ stage, outcome, reason }) => `${stage}/${outcome}/${reason}`)
  }
}

/** A browser that is logged in. */
export async function loggedIn(app: FastifyInstance): Promise<Browser> {
  const browser = new Browser(app)
  const response = await browser.logIn()
  if (response.statusCode !== 200) throw new Error(`login answered ${response.statusCode}`)
  return browser
}

/** The `code` of a problem. */
export const codeOf = (response: LightMyRequestResponse): unknown => response.json<{ code?: unknown }>().code

/** Resolves once the condition holds; tap's timeout ends a test whose condition never does. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) {
    await new Promise(resolve => {
      setImmediate(resolve)
    })
  }
}
