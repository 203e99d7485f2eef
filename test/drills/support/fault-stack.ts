// The whole stack, with its PostgreSQL behind a proxy that can fail and lead elsewhere.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import {
  freePortBase,
  readStack,
  startOwnStack,
  startPostgres,
  type RunningPostgres,
  type Stack
} from '@sallyport/local'
import { faultProxy, type FaultProxy } from '@sallyport/testing'
import type { Knex } from 'knex'
import { CHILD_ENVIRONMENT } from '../../support/child-environment.ts'
import { connect } from '../../support/database.ts'
import { freePort } from '../../support/free-port.ts'
import { ROOT } from '../../support/packages.ts'
import { addStandby } from './standby.ts'

/** Of every pool of the stack: no statement, wait or silence takes longer. */
export const DATABASE_TIMEOUT_MS = 2000

/** A call between services, and the age from which recovery takes up what was begun: twice the call. */
const [UPSTREAM_TIMEOUT_MS, RECOVERY_AGE_MS] = [1000, 2000]

/** The running stack and its database. */
export interface FaultStack {
  readonly stack: Stack
  /** A service behind the gateway's `/slow/*` that does whatever a drill wants: nobody listens there before. */
  readonly slowService: { readonly port: number; readonly headMs: number; readonly totalMs: number }
  /** What the processes reach their database through. */
  readonly proxy: FaultProxy
  /** The server that takes changes. */
  readonly primary: () => RunningPostgres
  /** Ends the server as a crash does: no connection is told. */
  readonly crashDatabase: () => Promise<void>
  /** Starts it again on its data, where it was. */
  readonly restartDatabase: () => Promise<void>
  /** A standby that each commit of the server waits for. */
  readonly addStandby: () => Promise<RunningPostgres>
  /** From now on a standby that was promoted is the server. */
  readonly follow: (promoted: RunningPostgres) => void
  /** A pool of the superuser past the proxy, for the database of a process. */
  readonly owner: (process: string) => Knex
  readonly close: () => Promise<void>
}

/** Starts PostgreSQL, the proxy and every process. */
export async function startFaultStack(): Promise<FaultStack> {
  const directory = join(ROOT, '.sallyport', `drills-${randomBytes(4).toString('hex')}`)
  mkdirSync(directory, { recursive: true })
  const ends: Array<() => Promise<void>> = []
  const close = async (): Promise<void> => {
    for (const end of ends.reverse()) await end()
    rmSync(directory, { recursive: true, force: true })
  }
  const port = String(await freePort())
  const start = async (): Promise<RunningPostgres> =>
    await startPostgres({
      directory: join(directory, 'primary'),
      keeper: true,
      settings: { port, fsync: 'off', max_connections: '150', wal_keep_size: '256MB' }
    })
  let primary = await start()
  const servers = new Set([primary])
  ends.push(async () => {
    for (const server of servers) await server.stop()
  })
  const owners = new Map<string, Knex>()
  const endOwners = async (): Promise<void> => {
    for (const owner of owners.values()) await owner.destroy()
    owners.clear()
  }
  ends.push(endOwners)
  try {
    const proxy = await faultProxy({ after: end => ends.push(end) }, primary.url)
    const portBase = await freePortBase()
    const slowService = { port: await freePort(), headMs: 1000, totalMs: 2000 }
    const routes = join(directory, 'gateway.yaml')
    writeFileSync(routes, routesWith(slowService))
    const environment = {
      ...process.env,
      ...CHILD_ENVIRONMENT,
      SALLYPORT_ROUTES_PATH: routes,
      SALLYPORT_UPSTREAM_TIMEOUT_MS: String(UPSTREAM_TIMEOUT_MS),
      SALLYPORT_RECOVERY_AGE_MS: String(RECOVERY_AGE_MS),
      DATABASE_URL: proxy.url,
      SALLYPORT_DATABASE_TIMEOUT_MS: String(DATABASE_TIMEOUT_MS),
      LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'error'
    }
    const own = await startOwnStack({ environment, portBase })
    ends.push(own.stop)
    return {
      stack: readStack(own.localJson),
      slowService,
      proxy,
      primary: () => primary,
      crashDatabase: async () => {
        await endOwners()
        process.kill(primary.pid, 'SIGQUIT')
        await primary.ended
      },
      restartDatabase: async () => {
        primary = await start()
        servers.add(primary)
      },
      addStandby: async () => {
        const standby = await addStandby(primary, join(directory, `standby-${servers.size}`))
        servers.add(standby)
        return standby
      },
      follow: promoted => {
        primary = promoted
      },
      owner: name => {
        const found = owners.get(name)
        if (found !== undefined) return found
        const pathname = `/sallyport_${name.replaceAll('-', '_')}`
        const made = connect(Object.assign(new URL(primary.url), { pathname }).href, 2)
        owners.set(name, made)
        return made
      },
      close
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** The routes of the local stack, and one to a service that a drill plays. */
function routesWith({ port, headMs, totalMs }: FaultStack['slowService']): string {
  const routes = readFileSync(join(ROOT, 'deploy/local/gateway.yaml'), 'utf8')
  return routes
    .replace(
      /^upstreams:$/m,
      `upstreams:
  slow:
    origin: http://127.0.0.1:${port}
    timeouts: { headMs: ${headMs}, pauseMs: ${headMs}, totalMs: ${totalMs} }
    bulkhead: { maxPending: 5 }`
    )
    .replace(/^routes:$/m, 'routes:\n  - { path: /slow/*, upstream: slow, forward: none, access: public }')
}
