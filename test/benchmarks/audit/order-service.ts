// Our candidate: order-service as it is deployed, on a PostgreSQL of its own, except for TLS and for the log, which is
// at `warn`. A stand-in for restaurant-service answers at once, from another process, and so does the exchange of
// tokens.
import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AuditRecord } from '@sallyport/audit-log'
import { startPostgres } from '@sallyport/local'
import { buildApp, migrate } from '@sallyport/order-service'
import type { ServiceInstance } from '@sallyport/service-kit'
import type { TokenClient } from '@sallyport/security-context'
import { DEMO_RESTAURANTS } from '@sallyport/service-kit/demo'
import { connectDatabase } from '@sallyport/service-process'
import type { Knex } from 'knex'
import { countDatabaseTime } from '../../../plugins/service-process/src/count-database-time.ts'
import { AUDIT_TRAIL_SETTINGS } from '../../support/audit-settings.ts'
import { connect } from '../../support/database.ts'
import { PROCESS_SETTINGS } from '../../support/process-settings.ts'
import { createTokenAuthority } from '../../support/token-authority.ts'
import type { LoadRequest, MeasuredServer } from '../support/types.ts'
import { databaseCpu } from '../support/database-cpu.ts'
import { CALLERS, placingBy } from './order-callers.ts'

const CUSTOMERS = 64
const HOUR_SECONDS = 3600
const APP_ROLE = 'bench_app'
const PASSWORD = 'for-benchmarks-only'
const [restaurant] = DEMO_RESTAURANTS
const authority = createTokenAuthority()
const keyRing = (): string => `k1:${randomBytes(32).toString('base64url')}`

const SETTINGS = {
  ...PROCESS_SETTINGS,
  ...AUDIT_TRAIL_SETTINGS,
  nodeEnv: 'development',
  logLevel: 'warn',
  auditNameKey: keyRing(),
  auditPersonKeys: keyRing(),
  issuer: authority.issuer,
  clientId: 'order-service',
  clientSecret: 'not-used-not-used-not-used-not-used',
  statusListPollMs: 1000,
  upstreamTimeoutMs: 20_000,
  trustedProxies: ['127.0.0.0/8'],
  forwardingCallers: ['gateway'],
  boundTokens: [],
  recoveryAgeMs: 10_000,
  recoveryIntervalMs: 1000,
  orderUndoneAfterMs: 900_000
} as const

/** @param options `rows: false`: the requests of this candidate write no audit rows */
export default async function startOrderService(options: Readonly<Record<string, unknown>>): Promise<MeasuredServer> {
  const database = await startDatabase()
  const restaurants = await startRestaurants()
  const db = connectDatabase({ databaseUrl: database.url, databaseConnections: 10, databaseTimeoutMs: 5000 })
  countDatabaseTime(db)
  const app = await buildApp(
    { ...SETTINGS, restaurantServiceOrigin: restaurants.origin },
    { db, keys: authority.keys, tokenClient: STAND_IN }
  )
  if (options.rows === false) leaveOutRows(app)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const placings = await Promise.all(Array.from({ length: CUSTOMERS }, (_, index) => placing(index)))
  return {
    origin: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`,
    requests: Object.fromEntries(CALLERS.map(callers => [placingBy(callers), placings])),
    databaseCpu: database.cpu,
    close: async () => {
      await app.close()
      await db.destroy()
      restaurants.end()
      await database.stop()
    }
  }
}

/** Statements take it for the row of an effect without a trail. */
const NO_ROW = null as unknown as AuditRecord

/** Nothing is written and nothing is looked at: each request has its rows already, as far as the plugin knows. */
function leaveOutRows(app: ServiceInstance): void {
  app.addHook('onRequest', function leaveOut(request, _reply, next) {
    request.auditState = { written: [], errorCode: null, settled: true, asked: null }
    request.audit = async () => {}
    request.auditWith = async (_db, _event, write) => await write(NO_ROW)
    next()
  })
}

async function placing(index: number): Promise<LoadRequest> {
  const token = await authority.mint({
    subject: `10000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
    audience: 'order-service',
    roles: ['CUSTOMER'],
    scope: 'orders:read orders:write',
    claims: { exp: Math.floor(Date.now() / 1000) + HOUR_SECONDS }
  })
  return {
    method: 'POST',
    path: '/orders',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'x-forwarded-for': `203.0.113.${index}`,
      'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
    },
    body: JSON.stringify({
      restaurantId: restaurant.restaurantId,
      lines: [{ menuItemId: restaurant.items[0]?.menuItemId, quantity: 2 }],
      deliveryAddress: '1 Harbour Street'
    }),
    expect: '"state":"APPROVED"'
  }
}

async function unexpected(): Promise<never> {
  throw new Error('not expected in the benchmark')
}
const EXCHANGED = { accessToken: 'x'.repeat(600), refreshToken: null, expiresInSeconds: HOUR_SECONDS, scope: null }
const STAND_IN: TokenClient = {
  password: unexpected,
  refresh: unexpected,
  clientCredentials: async () => EXCHANGED,
  exchange: async () => EXCHANGED,
  revoke: unexpected
}

interface MeasuredDatabase {
  /** Of the app role. */
  readonly url: string
  readonly cpu: () => number
  readonly stop: () => Promise<void>
}

async function startDatabase(): Promise<MeasuredDatabase> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-bench-'))
  // With durability, as in production.
  const server = await startPostgres({ directory })
  const owner = connect(server.url, 1)
  await owner.raw(`create role ${APP_ROLE} login password '${PASSWORD}'; create role bench_pruner`)
  await migrate(owner, { appRole: APP_ROLE, prunerRole: 'bench_pruner' })
  await addEarlierOrders(owner)
  await owner.destroy()
  const url = new URL(server.url)
  url.username = APP_ROLE
  url.password = PASSWORD
  return {
    url: url.href,
    cpu: databaseCpu(server.dataDirectory),
    stop: async () => {
      await server.stop()
      rmSync(directory, { recursive: true, force: true })
    }
  }
}

/** The first statements of a connection are planned for a table that has orders, as they are in production. */
async function addEarlierOrders(owner: Knex): Promise<void> {
  await owner.raw(
    `insert into orders (order_id, customer_id, restaurant_id, state, ticket_id, total_cents, delivery_address)
      select gen_random_uuid(), 'customer ' || n % 1000, gen_random_uuid(), 'APPROVED', gen_random_uuid(), 100, 'here'
      from generate_series(1, 20000) n`
  )
  await owner.raw('vacuum analyze')
}

async function startRestaurants(): Promise<{ readonly origin: string; readonly end: () => void }> {
  const child = fork(new URL('restaurant-stand-in.ts', import.meta.url), {
    execArgv: ['--conditions=@sallyport/source']
  })
  const [{ origin }] = (await once(child, 'message')) as [{ origin: string }]
  return { origin, end: () => child.disconnect() }
}
