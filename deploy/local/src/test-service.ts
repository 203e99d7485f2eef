import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type {} from '@sallyport/audit-log'
import { loadSettings } from '@sallyport/configuration'
import type { ServiceCollaborators, ServiceInstance, ServiceRoles, ServiceSettings } from '@sallyport/service-kit'
import { createIssuer, whenTestEnds, type TestIssuer, type TestLifetime } from '@sallyport/testing'
import { createTokenClient } from '@sallyport/token-exchange'
import knex, { type Knex } from 'knex'
import type { TObject } from 'typebox'
import { databaseRoles, ensureDatabase, type ProcessDatabase } from './databases.ts'
import { startPostgres } from './postgres/embedded-postgres.ts'

/** What the package of a service exports. */
export interface TestedPackage<Settings extends ServiceSettings> {
  readonly PROCESS_NAME: string
  readonly settingsSchema: TObject
  readonly buildApp: (settings: Settings, collaborators: ServiceCollaborators) => Promise<ServiceInstance>
  readonly migrate: (db: Knex, roles: ServiceRoles) => Promise<void>
}

/** A service that runs in a test. */
export interface TestedService {
  readonly app: ServiceInstance
  /** Makes the tokens that the service accepts, and plays its authorization server for calls of other services. */
  readonly issuer: TestIssuer
  /** The database, as its owner sees it. */
  readonly owner: Knex
  /** The rows of the audit trail, oldest first; those of the moment included. */
  readonly auditRows: () => Promise<ReadonlyArray<Readonly<Record<string, unknown>>>>
}

const CLIENT_SECRET = 'a-secret-of-this-test-and-of-nothing-else'
const NOT_DURABLE = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }

/**
 * Starts a service as it is deployed: on a migrated PostgreSQL of its own with the rights of the app role, and with an
 * issuer of the test. Everything ends with the test.
 * @param settings further environment variables: `{ SALLYPORT_ORDER_SERVICE_ORIGIN: … }`
 */
export async function startTestService<Settings extends ServiceSettings>(
  t: TestLifetime,
  service: TestedPackage<Settings>,
  settings: Readonly<Record<string, string>> = {}
): Promise<TestedService> {
  const name = service.PROCESS_NAME
  const opened: Opened = []
  // One step for all of them: runners differ in the order of several.
  whenTestEnds(t, async () => {
    for (const close of opened.reverse()) await close()
  })
  const database = await startDatabase(opened, name)
  const owner = openPool(opened, database.ownerUrl)
  const db = openPool(opened, database.appUrl)
  await service.migrate(owner, { appRole: database.roles.app, prunerRole: database.roles.pruner })
  const issuer = createIssuer({ audience: name, clients: { [name]: CLIENT_SECRET } })
  const { values } = loadSettings({
    schema: service.settingsSchema,
    environment: {
      NODE_ENV: 'test',
      LOG_LEVEL: 'fatal',
      DATABASE_URL: database.appUrl,
      SALLYPORT_ISSUER: issuer.issuer,
      SALLYPORT_CLIENT_ID: name,
      SALLYPORT_CLIENT_SECRET: CLIENT_SECRET,
      ...settings
    }
  })
  const { dispatcher, tokenEndpoint } = issuer
  // The schema is the service's own, so what it lets through are the settings of this service.
  const app = await service.buildApp(values as unknown as Settings, {
    db,
    keys: issuer.keys,
    tokenClient: createTokenClient({
      metadata: { issuer: issuer.issuer, tokenEndpoint, ...NO_OTHER_ENDPOINTS },
      clientId: name,
      clientSecret: CLIENT_SECRET,
      dispatcher
    }),
    recoverySchedule: () => ({ stop: () => {} })
  })
  opened.push(async () => await app.close())
  await app.ready()
  const auditRows = async (): Promise<Array<Record<string, unknown>>> => {
    // Refusals of strangers are counted, and written behind the answer.
    await app.sealAudit()
    return await owner('audit_events').select().orderBy('transaction_id')
  }
  return { app, issuer, owner, auditRows }
}

const NO_OTHER_ENDPOINTS = {
  jwksUri: null,
  revocationEndpoint: null,
  introspectionEndpoint: null,
  authorizationEndpoint: null,
  mtlsEndpointAliases: {}
}

/** How to close what the test has opened, oldest first. */
type Opened = Array<() => Promise<unknown>>

async function startDatabase(opened: Opened, processName: string): Promise<ProcessDatabase> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-test-'))
  const server = await startPostgres({ directory, keeper: true, settings: NOT_DURABLE })
  opened.push(async () => {
    await server.stop()
    for (const folder of [dirname(server.dataDirectory), directory]) rmSync(folder, { recursive: true, force: true })
  })
  const name = processName.replaceAll('-', '_')
  const passwords = Object.values(databaseRoles(name)).map(role => [role, randomBytes(12).toString('hex')])
  const target = { adminUrl: server.url, name, origin: 'the PostgreSQL of the test' }
  return await ensureDatabase(target, Object.fromEntries(passwords))
}

function openPool(opened: Opened, url: string): Knex {
  const pool = knex({ client: 'pg', connection: url, pool: { min: 0, max: 5 } })
  opened.push(async () => await pool.destroy())
  return pool
}
