import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import { buildApp, type GatewayCollaborators, type GatewaySettings, migrate } from '@sallyport/reference-gateway'
import type { ForwardedRouteOptions, RouteTableOptions } from '@sallyport/forwarding'
import type { KeySource, SecurityEvent, TokenClient } from '@sallyport/security-context'
import { createPeerAgent, type PeerAgent, type PeerAgentOptions } from '@sallyport/secure-transport'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { SignJWT } from 'jose'
import type { Knex } from 'knex'
import type { Test } from 'tap'
import { summaries } from './fake-authorization-server.ts'
import { type Authority, type IssuedCertificate, makeAuthority } from './certificates.ts'
import { connect as connectDatabase, testDatabase } from './database.ts'
import { localTable } from './local-table.ts'
import { AUDIT_TRAIL_SETTINGS } from './audit-settings.ts'
import { PROCESS_SETTINGS } from './process-settings.ts'

const ISSUER = 'https://localhost:8081'
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** The issuer's one key. */
export const keys: KeySource = {
  find: async keyId => (keyId === 'key-1' ? { keyId, algorithm: 'ES256', key: publicKey } : null),
  isPublished: keyId => keyId === 'key-1',
  ready: async () => {},
  ageMs: () => 0,
  close: async () => {}
}

/** An access token of the issuer; `claims` replace the usual ones. */
export async function accessToken(claims: Record<string, unknown> = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const usual = {
    iss: ISSUER,
    sub: '00000000-0000-4000-8000-000000000001',
    aud: 'sallyport-gateway',
    client_id: 'gateway',
    iat: now,
    exp: now + 300,
    jti: randomBytes(8).toString('hex'),
    scope: 'orders:read orders:write',
    roles: ['CUSTOMER'],
    sid: 'session-1'
  }
  return new SignJWT({ ...usual, ...claims })
    .setProtectedHeader({ typ: 'at+jwt', alg: 'ES256', kid: 'key-1' })
    .sign(privateKey)
}

/** Good for as long as the process that shares this file may run. */
const CALLER = await accessToken({ exp: Math.floor(Date.now() / 1000) + 86_400 })

/** The credential of a caller who is accepted. */
export const GOOD = { authorization: `Bearer ${CALLER}` }

/** What failed or was denied, as `stage outcome reason`. */
export function failures(events: readonly SecurityEvent[]): string[] {
  return summaries(events.filter(({ outcome }) => outcome !== 'success'))
}

/** What a service received of one request. */
export interface Received {
  readonly method: string
  readonly url: string
  readonly rawHeaders: readonly string[]
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

export interface Service {
  readonly origin: string
  readonly port: number
  readonly received: Received[]
  /** What the service answers; a test replaces it. */
  answer: (request: FastifyRequest, reply: FastifyReply) => unknown
}

export const ORDER_SERVICE = 'order-service.sallyport.internal'

/** A service with a real TLS listener that keeps what it receives. */
export async function startService(
  t: Test,
  certificate: IssuedCertificate,
  name = ORDER_SERVICE,
  bodyLimit = 64 * 1024 * 1024
): Promise<Service> {
  const app = Fastify({
    https: { cert: certificate.certificate, key: certificate.privateKey },
    forceCloseConnections: true,
    bodyLimit
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.all('/*', (request, reply) => {
    const { method, url, headers, raw, body } = request
    service.received.push({
      method,
      url,
      headers,
      rawHeaders: raw.rawHeaders,
      body: body instanceof Buffer ? body.toString('latin1') : ''
    })
    return service.answer(request, reply)
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.after(() => app.close())
  const { port } = app.server.address() as AddressInfo
  const service: Service = { port, origin: `https://${name}:${port}`, received: [], answer: () => ({ ok: true }) }
  return service
}

export interface Edge {
  readonly app: FastifyInstance
  readonly url: string
  readonly port: number
  readonly orders: Service
  readonly deliveries: Service
  readonly authority: Authority
  /** For calls of the services. */
  readonly agent: PeerAgent
  /** The gateway's database, as superuser. */
  readonly db: Knex
  /** Token exchanges that the gateway asked for, as `subject → audience`. */
  readonly exchanges: string[]
  readonly events: SecurityEvent[]
}

export interface EdgeOptions {
  readonly settings?: Partial<GatewaySettings>
  /** Trails that are searched beside the gateway's own, given the origins of the services. */
  readonly auditTrails?: (orders: string, deliveries: string) => readonly string[]
  readonly orderService?: Partial<{ certificate: IssuedCertificate; origin: string; bodyLimit: number }>
  readonly tokenClient?: Partial<TokenClient>
  readonly agent?: Partial<PeerAgentOptions>
  /** Makes the table, given the order service's origin. */
  readonly table?: (origin: string) => RouteTableOptions
  readonly collaborators?: Partial<GatewayCollaborators>
  readonly live?: Parameters<typeof buildApp>[2]
  /** Where it listens, for an issuer that has to know before. Default: any port. */
  readonly port?: number
}

/** A route to the order service. */
export function orderRoute(more: Partial<ForwardedRouteOptions> = {}): ForwardedRouteOptions {
  const forward = { audience: 'order-service' }
  return { path: '/orders/*', upstream: 'orders', forward, access: 'authenticated', ...more }
}

/** A table with these routes, to the order service alone. */
export function orderTable(...routes: readonly ForwardedRouteOptions[]): NonNullable<EdgeOptions['table']> {
  return origin => ({ upstreams: { orders: { origin } }, routes })
}

/** A table with one route. */
export function oneRoute(more: Partial<ForwardedRouteOptions> = {}): NonNullable<EdgeOptions['table']> {
  return orderTable(orderRoute(more))
}

/** Valid settings; the services' origins are those of nobody. */
export const SETTINGS: GatewaySettings = Object.freeze({
  ...PROCESS_SETTINGS,
  ...AUDIT_TRAIL_SETTINGS,
  tlsCertificatePath: 'unused',
  tlsPrivateKeyPath: 'unused',
  tlsCaPath: 'unused',
  edgeTls: false,
  issuer: ISSUER,
  audience: 'sallyport-gateway',
  tokenProfile: 'rfc9068',
  clientId: 'gateway',
  clientSecret: 'unused-unused-unused-unused-unused',
  sealingKeys: `key-1:${randomBytes(32).toString('base64url')}`,
  routesPath: 'unused',
  auditTrails: [],
  authServerOrigin: `https://${ORDER_SERVICE}:1`,
  publicOrigins: ['http://127.0.0.1'],
  allowedHosts: ['gateway.example', 'shop.example', '127.0.0.1', 'localhost', 'a'],
  additionalRequestHeaders: [],
  maxBodyBytes: 64 * 1024,
  upstreamTimeoutMs: 5000,
  answerTimeoutMs: 20_000,
  streamPauseMs: 20_000,
  loginScopes: [],
  gatewayProcesses: 1,
  workers: 1,
  webClient: false,
  sessionStore: 'cookies',
  sessionIdleSeconds: 14_400,
  sessionAbsoluteSeconds: 86_400,
  refreshLeaseMs: 60_000,
  backchannelLogout: false,
  loginDpop: false,
  loginParameters: [],
  loginsPerMinute: 30,
  boundTokens: []
})

/** The routes of a table without what it says of failures and overload: the connections are those of the test. */
function unguarded({ defaults, upstreams, routes }: RouteTableOptions): RouteTableOptions {
  const origins = Object.entries(upstreams).map(([name, { origin }]) => [
    name,
    { ...(origin !== undefined && { origin }) }
  ])
  const { timeouts: _timeouts, ...others } = defaults ?? {}
  return { defaults: others, upstreams: Object.fromEntries(origins) as RouteTableOptions['upstreams'], routes }
}

/** The gateway, listening, with a database and with services behind it on real TLS sockets. */
export async function startEdge(t: Test, options: EdgeOptions = {}): Promise<Edge> {
  const authority = await makeAuthority()
  const orders = await startService(
    t,
    options.orderService?.certificate ?? (await authority.issue({ names: [ORDER_SERVICE] })),
    ORDER_SERVICE,
    options.orderService?.bodyLimit
  )
  const deliveries = await startService(
    t,
    await authority.issue({ names: ['delivery-service.sallyport.internal'] }),
    'delivery-service.sallyport.internal'
  )
  const upstreamAgent = createPeerAgent({
    ca: authority.certificate,
    addresses: { [ORDER_SERVICE]: '127.0.0.1', 'delivery-service.sallyport.internal': '127.0.0.1' },
    ...options.agent
  })
  t.after(() => upstreamAgent.destroy())
  const database = await gatewayDatabase(t)
  const exchanges: string[] = []
  const events: SecurityEvent[] = []
  const origin = options.orderService?.origin ?? orders.origin
  const settings: GatewaySettings = {
    ...SETTINGS,
    authServerOrigin: origin,
    auditTrails: options.auditTrails?.(origin, deliveries.origin) ?? [],
    ...options.settings
  }
  const collaborators: GatewayCollaborators = {
    tokenClient: standInTokenClient(exchanges, options.tokenClient),
    keys,
    upstreamAgent,
    db: database.app,
    tracing: eventsObserver(events),
    table:
      options.table?.(origin) ??
      unguarded(localTable({ orders: origin, restaurants: origin, deliveries: deliveries.origin, authServer: origin })),
    ...options.collaborators
  }
  const app = await buildApp(settings, collaborators, options.live)
  await app.listen({ port: options.port ?? 0, host: '127.0.0.1' })
  t.after(() => app.close())
  const { port } = app.server.address() as AddressInfo
  return {
    app,
    port,
    url: `http://127.0.0.1:${port}`,
    orders,
    deliveries,
    authority,
    agent: upstreamAgent,
    db: database.superuser,
    exchanges,
    events
  }
}

/** A token client that writes down what it is asked for. */
function standInTokenClient(exchanges: string[], own: Partial<TokenClient> = {}): TokenClient {
  const unexpected = async (): Promise<never> => {
    throw new Error('not expected in this test')
  }
  return {
    password: unexpected,
    refresh: unexpected,
    clientCredentials: unexpected,
    revoke: async () => {},
    exchange: async ({ subjectToken, audience }) => {
      exchanges.push(`${subjectToken === CALLER ? 'caller' : subjectToken} → ${audience}`)
      return { accessToken: `token-for-${audience}`, refreshToken: null, expiresInSeconds: 300, scope: null }
    },
    ...own
  }
}

/** In the place of the tracer, which comes before all stages: sees every request's events at its end. */
function eventsObserver(events: SecurityEvent[]) {
  return {
    plugin: fastifyPlugin(async (fastify: FastifyInstance) => {
      fastify.addHook('onResponse', async request => {
        events.push(...request.securityEvents)
      })
    }),
    traceId: () => randomBytes(16).toString('hex'),
    traceIds: () => ({}),
    outgoingHeaders: (request?: FastifyRequest) => ({ traceparent: `00-${request?.traceId}-00f067aa0ba902b7-01` }),
    close: async () => {}
  }
}

const ROLES = { appRole: 'test_gateway_app', prunerRole: 'test_gateway_pruner' }

/** The gateway's database, and a pool of the role that the gateway has. */
export async function gatewayDatabase(t: Test): Promise<{ superuser: Knex; app: Knex; appUrl: string }> {
  const { db, url } = await testDatabase(t, 'reference-gateway', async db => {
    for (const role of Object.values(ROLES)) {
      const { rows } = await db.raw('select 1 from pg_roles where rolname = ?', [role])
      if (rows.length === 0) await db.raw("create role ?? login password 'for-tests-only'", [role])
    }
    await migrate(db, ROLES)
  })
  const own = new URL(url)
  own.username = ROLES.appRole
  own.password = 'for-tests-only'
  const app = connectDatabase(own.href)
  t.after(() => app.destroy())
  return { superuser: db, app, appUrl: own.href }
}

/**
 * Sends bytes as they are on a connection of their own and returns everything that comes back until it is closed.
 * @param end whether the client closes its half when all is sent
 */
export async function sendRaw(port: number, text: string, end = false): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let received = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    received += chunk
  })
  socket.on('error', () => {})
  socket.write(text, 'latin1')
  if (end) socket.end()
  await once(socket, 'close')
  return received
}

/** Waits, without a time, until something holds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) {
    await new Promise(resolve => {
      setTimeout(resolve, 2)
    })
  }
}

/** The lines of a request with a credential that is accepted. */
export function rawRequest(requestLine: string, headers: readonly string[] = [], body = ''): string {
  return [
    requestLine,
    'Host: gateway.example',
    `Authorization: ${GOOD.authorization}`,
    'Connection: close',
    ...headers,
    '',
    body
  ].join('\r\n')
}

/** Status codes of the responses on a connection. */
export function statuses(received: string): number[] {
  return [...received.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(match => Number(match[1]))
}
