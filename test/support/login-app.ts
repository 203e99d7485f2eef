// An app with a login at an issuer that does what a test says, and a browser that goes through it.
import authentication, {
  loginRoutes,
  sessionRoutes,
  type AuthenticationOptions,
  type LoginRoutesOptions
} from '@sallyport/authentication'
import type { IssuedCertificate } from '@sallyport/local'
import securityContext, { problemDetails, type KeySource, type SecurityEvent } from '@sallyport/security-context'
import {
  createLoginClient,
  createTokenClient,
  discoverMetadata,
  type TokenClientOptions
} from '@sallyport/token-exchange'
import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { AUDIENCE, CLIENT_ID, startLoginIssuer, type Claims, type LoginIssuer } from './login-issuer.ts'
import { Browser, key } from './app-browser.ts'

export { CLIENT_ID, type IssuerTricks, type LoginIssuer } from './login-issuer.ts'

const CLIENT_SECRET = 'shop-secret'

/** An app and its issuer. */
export interface LoginApp {
  readonly app: FastifyInstance
  readonly issuer: LoginIssuer
  readonly clock: { ms: number }
  readonly browser: () => Browser
  readonly events: SecurityEvent[]
  /** `stage/outcome/reason`, as they came since the last call. */
  readonly reasons: () => string[]
}

export interface LoginAppOptions {
  readonly metadata?: Claims
  readonly login?: Partial<Omit<LoginRoutesOptions, 'logLevel' | 'logSerializers'>>
  readonly session?: Partial<NonNullable<AuthenticationOptions['session']>>
  readonly client?: Partial<TokenClientOptions>
  readonly discoveryTimeoutMs?: number
  /** Keys of the issuer. Default: those of the test kit, without a request. */
  readonly keys?: (issuer: string, clock: () => number) => KeySource
  /** App and issuer speak TLS, for a real browser: the app at `127.0.0.1`, the issuer at `localhost`. */
  readonly certificate?: IssuedCertificate
  readonly addRoutes?: (app: FastifyInstance) => void
}

/** What a browser says of itself when a person follows a link or types an address. */
export const NAVIGATION = {
  accept: 'text/html,application/xhtml+xml,*/*;q=0.8',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
  'sec-fetch-site': 'none'
}

/** An app as anybody would make it, with its login. */
export async function buildLoginApp(t: Test, options: LoginAppOptions = {}): Promise<LoginApp> {
  const clock = { ms: Date.UTC(2026, 10, 26, 12) }
  const issuer = await startLoginIssuer(t, clock, options)
  const { client: { dispatcher } = {}, discoveryTimeoutMs: timeoutMs } = options
  const reach = { ...(dispatcher && { dispatcher }), ...(timeoutMs !== undefined && { timeoutMs }) }
  const clientOptions: TokenClientOptions = {
    metadata: async () => await discoverMetadata({ issuer: issuer.origin, ...reach }),
    clientId: CLIENT_ID,
    ...(options.client?.clientKey === undefined && { clientSecret: CLIENT_SECRET }),
    clock: () => clock.ms,
    ...options.client
  }
  const app = appFor(options.certificate)
  t.after(() => app.close())
  const events: SecurityEvent[] = []
  await app.register(securityContext)
  await app.register(problemDetails)
  await app.register(authentication, {
    issuer: issuer.origin,
    audience: AUDIENCE,
    keys: options.keys?.(issuer.origin, () => clock.ms) ?? issuer.kit.keys,
    clock: () => clock.ms,
    session: { tokenClient: createTokenClient(clientOptions), keys: [key('k1')], ...options.session }
  })
  await app.register(sessionRoutes)
  await app.register(loginRoutes, { client: createLoginClient(clientOptions), ...options.login })
  app.get('/orders', { config: { access: 'authenticated', audit: 'none' } }, async request => ({
    subject: request.principal?.subject,
    facts: request.loginFacts
  }))
  options.addRoutes?.(app)
  app.addHook('onSend', async request => {
    events.push(...request.securityEvents)
  })
  await app.ready()
  return {
    app,
    issuer,
    clock,
    events,
    browser: () => new Browser(app, NAVIGATION),
    reasons: () => events.splice(0).map(({ stage, outcome, reason }) => `${stage}/${outcome}/${reason}`)
  }
}

function appFor(certificate: IssuedCertificate | undefined): FastifyInstance {
  if (certificate === undefined) return Fastify()
  const https = { cert: certificate.certificate, key: certificate.privateKey }
  return Fastify({ https, forceCloseConnections: true }) as unknown as FastifyInstance
}

/** Takes a browser through the login; gives the answer of the callback. */
export async function goThroughLogin(
  { issuer }: LoginApp,
  browser: Browser,
  path = '/login'
): Promise<LightMyRequestResponse> {
  const begun = await browser.get(path)
  return await browser.get(issuer.authorize(String(begun.headers.location)))
}
