import { rmSync } from 'node:fs'
import { join } from 'node:path'
import knex, { type Knex } from 'knex'
import { announcement } from './announcement.ts'
import { loadApp, type AppDemoFacts, type LoadedApp } from './app-module.ts'
import { ensureClientKeys, type ClientKey } from './client-keys.ts'
import { ensureCertificates } from './certificates/process-certificates.ts'
import { databaseTarget, ensureDatabase, databaseRoles, type ProcessDatabase } from './databases.ts'
import { environmentOf, gatewayOf, issuerOf, type Deployment } from './environment.ts'
import { localFacts, localJsonPath, writeLocalJson } from './local-json.ts'
import type { LauncherOptions } from './options.ts'
import { startPostgres } from './postgres/embedded-postgres.ts'
import { allPorts, CONFIGURATION_SERVER, operationsPortOf, PROCESSES, type ProcessEntry } from './processes.ts'
import { requireFreePorts, waitUntilReady } from './readiness.ts'
import { SERVICES } from './services.ts'
import { loadSecrets, type Secrets } from './secrets.ts'
import { lockStateDirectory, openStateDirectory } from './state-directory.ts'
import { superviseProcesses } from './supervise.ts'
import { startLocalCollector } from './trace-collector.ts'

/** The surroundings of the launcher. */
export interface Surroundings {
  readonly environment: NodeJS.ProcessEnv
  readonly print: (text: string) => void
  /** Aborted by the first Ctrl-C. */
  readonly stop: AbortSignal
  /** Aborted by the second. */
  readonly force: AbortSignal
}

const STOP_GRACE_MS = 7_000

/**
 * Starts everything, waits for the end, and stops everything in reverse order. Resolves when it was told to stop.
 * @param load finds the apps; tests pass in another one
 * @throws {LauncherError} for a mistake of the operator, {ProcessEnded} when a process ends by itself
 */
export async function launch(
  options: LauncherOptions,
  surroundings: Surroundings,
  load: typeof loadApp = loadApp
): Promise<void> {
  const cleanups: Array<() => void | Promise<void>> = []
  try {
    await runProcesses(options, surroundings, load, cleanup => {
      cleanups.push(cleanup)
    })
  } catch (error) {
    if (!surroundings.stop.aborted) throw error
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup()
  }
}

async function runProcesses(
  options: LauncherOptions,
  surroundings: Surroundings,
  load: typeof loadApp,
  defer: (cleanup: () => void | Promise<void>) => void
): Promise<void> {
  const { directory, portBase } = options
  const { environment, print, stop } = surroundings
  openStateDirectory(directory)
  defer(lockStateDirectory(directory))
  rmSync(localJsonPath(directory), { force: true })
  defer(() => rmSync(localJsonPath(directory), { force: true }))
  await requireFreePorts(allPorts(portBase))
  const apps = new Map(await Promise.all(PROCESSES.map(async entry => [entry, await load(entry)] as const)))
  const certificates = await ensureCertificates(join(directory, 'certificates'), PROCESSES, environment.NODE_ENV)

  const database = await openDatabaseServer(options, surroundings, defer)
  const targets = new Map(PROCESSES.map(entry => [entry, databaseTarget(entry, database.url, environment)]))
  const authServer = apps.get(entryOf('auth-server'))?.module
  const { clients, keyClients } = authServer?.demoRegistry?.(SERVICES) ?? { clients: [], keyClients: [] }
  const clientKeys = await ensureClientKeys(directory, keyClients, environment.NODE_ENV)
  const secrets = loadSecrets(directory, {
    clients: [
      ...new Set([
        ...PROCESSES.map(({ clientId }) => clientId).filter(id => id !== null),
        ...clients.filter(({ confidential }) => confidential !== false).map(({ id }) => id)
      ])
    ],
    processes: PROCESSES.map(({ name }) => name),
    databaseRoles: [...targets.values()].flatMap(({ name }) => Object.values(databaseRoles(name)))
  })
  print('preparing the databases')
  const databaseUrls = new Map<string, string>()
  const prunerUrls = new Map<string, string>()
  for (const [entry, target] of targets) {
    stop.throwIfAborted()
    const made = await ensureDatabase(target, secrets.databaseRoles)
    await prepare(made, apps.get(entry), demoFacts(portBase, secrets, clientKeys))
    databaseUrls.set(entry.name, made.appUrl)
    prunerUrls.set(entry.name, made.prunerUrl)
  }

  const tracing = await openCollector(environment, defer)
  const deployment: Deployment = { ...options, secrets, certificates, databaseUrls, prunerUrls, ...tracing.facts }
  const supervisor = superviseProcesses(print)
  surroundings.force.addEventListener('abort', supervisor.kill)
  defer(async () => supervisor.stop(STOP_GRACE_MS))
  const stopped = new Promise<void>(resolve => {
    if (stop.aborted) resolve()
    else stop.addEventListener('abort', () => resolve())
  })
  const processIds = new Map<string, number>()
  const start = async (entry: ProcessEntry): Promise<void> => {
    const app = apps.get(entry)
    if (app === undefined) return
    const pid = await supervisor.start({
      name: entry.name,
      path: app.serverPath,
      environment: environmentOf(entry, app.module, deployment, tracing.environment),
      execArgv: process.execArgv
    })
    processIds.set(entry.name, pid)
    await waitUntilReady(entry.name, `http://127.0.0.1:${operationsPortOf(entry, portBase)}`, stop)
  }
  const allReady = startInOrder(start)
  await Promise.race([allReady, supervisor.failed, database.failed, stopped])
  if (stop.aborted) return
  const facts = localFacts(deployment, processIds, [...clients, ...keyClients], clientKeys)
  writeLocalJson(directory, facts)
  print(announcement(facts, localJsonPath(directory)))
  await Promise.race([supervisor.failed, database.failed, stopped])
}

/** Without a collector of the operator's, traces go to one in this process. */
async function openCollector(
  environment: NodeJS.ProcessEnv,
  defer: (cleanup: () => Promise<void>) => void
): Promise<{ environment: NodeJS.ProcessEnv; facts: Pick<Deployment, 'collector'> }> {
  if (Object.keys(environment).some(name => name.startsWith('OTEL_'))) return { environment, facts: {} }
  const { origin, environment: added, close } = await startLocalCollector()
  defer(close)
  return { environment: { ...environment, ...added }, facts: { collector: origin } }
}

/**
 * The authorization server first: the others ask it for metadata and keys. Then the configuration server: they pull
 * settings from it.
 */
async function startInOrder(start: (entry: ProcessEntry) => Promise<void>): Promise<void> {
  const [first, ...others] = PROCESSES
  if (first !== undefined) await start(first)
  const [servers, callers] = [true, false].map(isServer =>
    others.filter(({ name }) => (name === CONFIGURATION_SERVER) === isServer)
  )
  for (const together of [servers, callers]) await Promise.all((together ?? []).map(start))
}

async function openDatabaseServer(
  { directory }: LauncherOptions,
  { environment, print }: Surroundings,
  defer: (cleanup: () => Promise<void>) => void
): Promise<{ url: string; failed: Promise<never> }> {
  if (environment.DATABASE_URL !== undefined && environment.DATABASE_URL !== '') {
    return { url: environment.DATABASE_URL, failed: new Promise(() => {}) }
  }
  print('starting PostgreSQL')
  const server = await startPostgres({
    directory: join(directory, 'postgres'),
    keeper: true,
    settings: { max_connections: '100' }
  })
  let stopping = false
  defer(async () => {
    stopping = true
    print('stopping PostgreSQL')
    await server.stop()
  })
  const failed = server.ended.then(how =>
    stopping ? new Promise<never>(() => {}) : Promise.reject(new Error(`PostgreSQL ended (${how})`))
  )
  failed.catch(() => {})
  return { url: server.url, failed }
}

/** Migrates as the owner and seeds the demo data. */
async function prepare(made: ProcessDatabase, app: LoadedApp | undefined, facts: AppDemoFacts): Promise<void> {
  const db: Knex = knex({ client: 'pg', connection: made.ownerUrl, pool: { min: 0, max: 2 } })
  try {
    await app?.module.migrate?.(db, { appRole: made.roles.app, prunerRole: made.roles.pruner })
    await app?.module.seedDemo?.(db, facts)
  } finally {
    await db.destroy()
  }
}

function demoFacts(portBase: number, secrets: Secrets, clientKeys: ReadonlyMap<string, ClientKey>): AppDemoFacts {
  return {
    issuer: issuerOf(portBase),
    services: SERVICES,
    users: secrets.users,
    clients: Object.fromEntries(
      Object.entries(secrets.clients).map(([id, secret]) => [
        id,
        { secret, ...(id === 'gateway' && gatewayUris(portBase)) }
      ])
    ),
    clientKeys: Object.fromEntries([...clientKeys].map(([id, { registration }]) => [id, registration]))
  }
}

/** Where the issuer may send browsers back to, whether the gateway speaks TLS in this run or not. */
function gatewayUris(portBase: number) {
  const gateways = [false, true].map(tls => gatewayOf({ portBase, tls }))
  return {
    redirectUris: gateways.map(gateway => `${gateway}/login/callback`),
    postLogoutRedirectUris: gateways.map(gateway => `${gateway}/logout/callback`)
  }
}

function entryOf(name: string): ProcessEntry {
  const found = PROCESSES.find(entry => entry.name === name)
  if (found === undefined) throw new Error(`There is no process ${name}`)
  return found
}
