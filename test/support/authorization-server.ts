import {
  buildApp,
  demoRegistry,
  migrate,
  postgresStore,
  seedDemo,
  type AppCollaborators,
  type AuthServerSettings,
  type DemoFacts
} from '@sallyport/auth-server'
import { SERVICES } from '@sallyport/local/services'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import type { Knex } from 'knex'
import { connect, testDatabase } from './database.ts'
import { AUDIT_TRAIL_SETTINGS } from './audit-settings.ts'
import { PROCESS_SETTINGS } from './process-settings.ts'

/** Path under which the server is mounted: `npm test` runs the tests of the protocol once more with one. */
export const PREFIX = process.env.SALLYPORT_TEST_PREFIX ?? ''
export const ISSUER = `https://localhost:8081${PREFIX}`
export const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
export const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token'
/** Cheap: tests assert how often and with what a hash runs, never how long. */
export const CHEAP = { memoryKibibytes: 64, iterations: 1, lanes: 1 }

export const secretOf = (clientId: string): string => `${clientId}-secret-`.padEnd(43, 'x')

const user = (last: number, roles: string[]) => ({
  subject: `00000000-0000-4000-8000-00000000000${last}`,
  password: `password of user ${last}`,
  roles
})

/** Where a gateway of a test gets its browsers back. */
const GATEWAY_ADDRESSES = {
  redirectUris: ['http://127.0.0.1/login/callback'],
  postLogoutRedirectUris: ['http://127.0.0.1/logout/callback']
}

export const FACTS = {
  issuer: ISSUER,
  services: SERVICES,
  users: {
    customer1: user(1, ['CUSTOMER']),
    customer2: user(2, ['CUSTOMER']),
    restaurant1: user(3, ['RESTAURANT']),
    admin1: user(7, ['ADMIN'])
  },
  clients: Object.fromEntries(
    demoRegistry(SERVICES).clients.map(({ id, confidential }) => [
      id,
      { secret: confidential === false ? null : secretOf(id), ...(id === 'gateway' && GATEWAY_ADDRESSES) }
    ])
  )
} satisfies DemoFacts

export const SETTINGS: AuthServerSettings = {
  ...PROCESS_SETTINGS,
  ...AUDIT_TRAIL_SETTINGS,
  issuer: ISSUER,
  dpopNonceRequired: true,
  allowedHosts: [],
  housekeepingIntervalSeconds: 60,
  passwordMinLength: 12,
  sealingKeys: `k1:${Buffer.alloc(32, 'k7').toString('base64url')}`,
  accessTokenLifetimeSeconds: 300,
  loginIdleSeconds: 7200,
  loginAbsoluteSeconds: 604_800,
  apiIdleSeconds: 900,
  apiAbsoluteSeconds: 43_200,
  refreshGraceMs: 10_000,
  jwksMaxAgeSeconds: 300,
  statusListSize: 1024,
  statusListTtlSeconds: 1,
  statusListLifetimeSeconds: 600,
  passwordConcurrency: 2,
  passwordQueueLength: 64
}

export interface TokenAnswer {
  access_token: string
  refresh_token?: string
  token_type: string
  expires_in: number
  scope: string
  issued_token_type?: string
  error?: string
  error_description?: string
}

export interface Answer {
  readonly status: number
  readonly body: TokenAnswer
  readonly headers: LightMyRequestResponse['headers']
  readonly text: string
}

/** An authorization server on a database of its own, with the demo data and a clock that stands still. */
export interface TestServer {
  readonly app: FastifyInstance
  readonly db: Knex
  readonly databaseUrl: string
  readonly clock: { ms: number; advance: (seconds: number) => void }
  readonly events: Array<{ stage: string; outcome: string; reason: string }>
  /** Another instance on the same database and clock. */
  readonly another: (
    settings?: Partial<AuthServerSettings>,
    collaborators?: Partial<AppCollaborators>
  ) => Promise<FastifyInstance>
}

export async function migratedDatabase(t: Test): Promise<{ url: string; db: Knex }> {
  return await testDatabase(t, 'auth-server', async db => {
    await migrate(db, { appRole: 'postgres', prunerRole: 'postgres' })
    await seedDemo(db, FACTS, CHEAP)
  })
}

export async function startServer(
  t: Test,
  settings: Partial<AuthServerSettings> = {},
  collaborators: Partial<AppCollaborators> = {}
): Promise<TestServer> {
  const { db, url } = await migratedDatabase(t)
  const clock = {
    ms: Date.now(),
    advance(seconds: number) {
      clock.ms += seconds * 1000
    }
  }
  const events: TestServer['events'] = []
  const another: TestServer['another'] = async (moreSettings = {}, moreCollaborators = {}) => {
    const pool = connect(url, 10)
    const app = await buildApp(
      { ...SETTINGS, ...settings, ...moreSettings },
      {
        store: postgresStore(pool),
        clock: () => clock.ms,
        passwordParameters: CHEAP,
        unfulfilledAudit: 'refuse',
        ...collaborators,
        ...moreCollaborators
      }
    )
    if (PREFIX !== '') mountUnderPrefix(app)
    // Before the answer leaves: what the audit log writes behind it would hold the events back.
    app.addHook('onSend', async request => {
      events.push(...request.securityEvents)
    })
    t.after(async () => {
      await app.close()
      await pool.destroy()
    })
    await app.ready()
    return app
  }
  return { app: await another(), db, databaseUrl: url, clock, events, another }
}

/** Lets a test name paths as they are without a prefix; RFC 8414 has the well-known part in front of it. */
function mountUnderPrefix(app: FastifyInstance): void {
  const inject = app.inject.bind(app) as (options: unknown) => ReturnType<FastifyInstance['inject']>
  const mounted = (url: string): string => {
    if (url === '/.well-known/oauth-authorization-server') return url + PREFIX
    return url.startsWith(PREFIX) || url.startsWith('/.well-known/oauth-authorization-server/') ? url : PREFIX + url
  }
  const replaced = (options: string | { url: string }): unknown =>
    inject(typeof options === 'string' ? mounted(options) : { ...options, url: mounted(options.url) })
  Object.assign(app, { inject: replaced })
}

export const basic = (clientId: string, secret = secretOf(clientId)): string =>
  `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`

/** Posts a form; `client` authenticates with Basic. */
export async function post(
  app: FastifyInstance,
  path: string,
  client: string | null,
  form: Record<string, string> | string
): Promise<Answer> {
  const response = await app.inject({
    method: 'POST',
    url: path,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      ...(client === null ? {} : { authorization: basic(client) })
    },
    payload: typeof form === 'string' ? form : new URLSearchParams(form).toString()
  })
  return { status: response.statusCode, headers: response.headers, text: response.body, body: parsed(response.body) }
}

function parsed(text: string): TokenAnswer {
  try {
    return JSON.parse(text) as TokenAnswer
  } catch {
    return {} as TokenAnswer
  }
}

export const token = async (
  app: FastifyInstance,
  client: string | null,
  form: Record<string, string> | string
): Promise<Answer> => await post(app, '/oauth2/token', client, form)

export const login = async (
  app: FastifyInstance,
  username: keyof typeof FACTS.users = 'customer1',
  more: Record<string, string> = {}
): Promise<Answer> =>
  await token(app, 'gateway', { grant_type: 'password', username, password: FACTS.users[username].password, ...more })

export const refresh = async (
  app: FastifyInstance,
  refreshToken: string | undefined,
  more: Record<string, string> = {},
  client = 'gateway'
): Promise<Answer> =>
  await token(app, client, { grant_type: 'refresh_token', refresh_token: refreshToken ?? '', ...more })

export const exchange = async (
  app: FastifyInstance,
  subjectToken: string,
  audience: string,
  more: Record<string, string> = {},
  client = 'gateway'
): Promise<Answer> =>
  await token(app, client, {
    grant_type: EXCHANGE,
    subject_token: subjectToken,
    subject_token_type: ACCESS_TOKEN_TYPE,
    audience,
    ...more
  })

export const introspect = async (
  app: FastifyInstance,
  value: string,
  client = 'gateway'
): Promise<Record<string, unknown>> =>
  (await post(app, '/oauth2/introspect', client, { token: value })).body as unknown as Record<string, unknown>

/** The claims of a JWT, not verified. */
export function claimsOf(jwt: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>
}
