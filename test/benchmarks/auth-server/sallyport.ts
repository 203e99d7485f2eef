// Our candidate: the app as it is deployed, except for TLS, which the peer has not either, and for the log, which is at
// `warn`.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import {
  buildApp,
  memoryStore,
  migrate,
  postgresStore,
  seedStore,
  type AuthServerSettings,
  type Store
} from '@sallyport/auth-server'
import { SERVICES, startPostgres } from '@sallyport/local'
import knex from 'knex'
import type { LoadRequest, MeasuredServer } from '../support/types.ts'
import { AUDIT_TRAIL_SETTINGS } from '../../support/audit-settings.ts'
import { PROCESS_SETTINGS } from '../../support/process-settings.ts'
import { databaseCpu } from '../support/database-cpu.ts'
import { CHAINS, form, INTROSPECTIONS } from './requests.ts'

const CHEAP = { memoryKibibytes: 64, iterations: 1, lanes: 1 }
const secretOf = (id: string): string => `${id}-`.padEnd(43, 'x')
const client = (id: string): { id: string; secret: string } => ({ id, secret: secretOf(id) })
const USER = {
  subject: '00000000-0000-4000-8000-000000000001',
  password: 'a password of the benchmark',
  roles: ['CUSTOMER']
}
const FACTS = {
  services: SERVICES,
  users: { customer1: USER },
  clients: Object.fromEntries(
    [
      'gateway',
      'order-service',
      'restaurant-service',
      'delivery-service',
      'machine-client',
      'opaque-client',
      'web-app'
    ].map(id => [id, { secret: secretOf(id) }])
  )
}
const SETTINGS: AuthServerSettings = {
  ...PROCESS_SETTINGS,
  ...AUDIT_TRAIL_SETTINGS,
  nodeEnv: 'development',
  logLevel: 'warn',
  issuer: 'https://localhost:8081',
  dpopNonceRequired: true,
  allowedHosts: [],
  housekeepingIntervalSeconds: 60,
  passwordMinLength: 12,
  databaseConnections: 10,
  sealingKeys: `k1:${Buffer.alloc(32, 'k7').toString('base64url')}`,
  accessTokenLifetimeSeconds: 300,
  loginIdleSeconds: 7200,
  loginAbsoluteSeconds: 604_800,
  apiIdleSeconds: 900,
  apiAbsoluteSeconds: 43_200,
  refreshGraceMs: 10_000,
  jwksMaxAgeSeconds: 300,
  statusListSize: 65_536,
  statusListTtlSeconds: 1,
  statusListLifetimeSeconds: 600,
  passwordConcurrency: 2,
  passwordQueueLength: 64
}

interface OpenStore {
  readonly store: Store
  readonly databaseCpu?: () => number
  readonly close: () => Promise<void>
}

/** @param options `store`: `memory` or `postgres` */
export default async function startSallyport(options: Readonly<Record<string, unknown>>): Promise<MeasuredServer> {
  const {
    store,
    databaseCpu: cpu,
    close
  } = options.store === 'postgres' ? await openPostgres() : { store: memoryStore(), close: async () => {} }
  await seedStore(store, FACTS, CHEAP)
  const app = await buildApp(SETTINGS, { store, passwordParameters: CHEAP })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const origin = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`

  const opaque = form('/oauth2/token', client('opaque-client'), { grant_type: 'client_credentials' })
  const session = form('/oauth2/token', client('gateway'), {
    grant_type: 'password',
    username: 'customer1',
    password: USER.password
  })
  const introspection = { ...form('/oauth2/introspect', client('gateway'), {}), expect: '"active":true' }
  return {
    origin,
    ...(cpu && { databaseCpu: cpu }),
    requests: {
      'client credentials': [
        form('/oauth2/token', client('machine-client'), { grant_type: 'client_credentials', scope: 'orders:read' })
      ],
      introspection: times(INTROSPECTIONS, {
        ...introspection,
        prepare: { request: opaque, member: 'access_token', parameter: 'token' }
      }),
      'introspection of a JWT': times(INTROSPECTIONS, {
        ...introspection,
        prepare: { request: session, member: 'access_token', parameter: 'token' }
      }),
      refresh: times(CHAINS, {
        ...form('/oauth2/token', client('gateway'), { grant_type: 'refresh_token' }),
        chained: true,
        prepare: { request: session, member: 'refresh_token', parameter: 'refresh_token' }
      })
    },
    close: async () => {
      await app.close()
      await close()
    }
  }
}

const times = (count: number, request: LoadRequest): LoadRequest[] => Array.from({ length: count }, () => request)

async function openPostgres(): Promise<OpenStore> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-bench-'))
  // With durability, as in production.
  const server = await startPostgres({ directory })
  const db = knex({ client: 'pg', connection: server.url, pool: { min: 0, max: 10 } })
  await migrate(db, { appRole: 'postgres', prunerRole: 'postgres' })
  return {
    store: postgresStore(db),
    databaseCpu: databaseCpu(server.dataDirectory),
    close: async () => {
      await db.destroy()
      await server.stop()
      rmSync(directory, { recursive: true, force: true })
    }
  }
}
