// The whole stack, with its PostgreSQL behind a proxy that can fail and lead elsewhere.
import { mkdirSync, rmSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { readStack, startOwnStack, startPostgres, type RunningPostgres, type Stack } from '@sallyport/local'
import { faultProxy, type FaultProxy } from '@sallyport/testing'
import type { Knex } from 'knex'
import { CHILD_ENVIRONMENT } from '../../support/child-environment.ts'
import { connect } from '../../support/database.ts'
import { freePort } from '../../support/free-port.ts'
import { ROOT } from '../../support/packages.ts'
import { addStandby } from './standby.ts'

/** Of every pool of the stack: no statement, wait or silence takes longer. */
export const DATABASE_TIMEOUT_MS = 2000

/** The running stack and its database. */
export interface FaultStack {
  readonly stack: Stack
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
    const environment = {
      ...process.env,
      ...CHILD_ENVIRONMENT,
      DATABASE_URL: proxy.url,
      SALLYPORT_DATABASE_TIMEOUT_MS: String(DATABASE_TIMEOUT_MS),
      LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'error'
    }
    const own = await startOwnStack({ environment })
    ends.push(own.stop)
    return {
      stack: readStack(own.localJson),
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
