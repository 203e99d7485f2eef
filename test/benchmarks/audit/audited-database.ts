import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { auditMigrations } from '@sallyport/audit-log'
import { startPostgres } from '@sallyport/local'
import knex, { type Knex } from 'knex'
import { connect } from '../../support/database.ts'

/** A database server with the audit tables, durable as in production, and what it costs. */
export interface AuditedDatabase {
  /** Pool of the app role. */
  readonly app: Knex
  /** Pool of the role that prunes. */
  readonly pruner: Knex
  readonly owner: Knex
  /** CPU time of the server with all its processes since its start, in µs. */
  readonly cpuMicros: () => number
  readonly close: () => Promise<void>
}

const APP_ROLE = 'bench_app'
const PRUNER_ROLE = 'bench_pruner'
const PASSWORD = 'for-benchmarks-only'
/** Connections that a service has by default. */
const CONNECTIONS = 10

export async function startAuditedDatabase(): Promise<AuditedDatabase> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-bench-'))
  const server = await startPostgres({ directory, settings: { maintenance_work_mem: '512MB' } })
  const owner = connect(server.url, 2)
  await owner.raw(
    `create role ${APP_ROLE} login password '${PASSWORD}'; create role ${PRUNER_ROLE} login password '${PASSWORD}'`
  )
  const { source, tableName } = auditMigrations({ appRole: APP_ROLE, prunerRole: PRUNER_ROLE })
  await owner.migrate.latest({ migrationSource: source, tableName })
  const poolOf = (role: string, size: number): Knex => {
    const url = new URL(server.url)
    url.username = role
    url.password = PASSWORD
    return knex({ client: 'pg', connection: url.href, pool: { min: size, max: size } })
  }
  const [app, pruner] = [poolOf(APP_ROLE, CONNECTIONS), poolOf(PRUNER_ROLE, 1)]
  const postmaster = readFileSync(join(server.dataDirectory, 'postmaster.pid'), 'utf8').split('\n')[0] ?? ''
  return {
    app,
    pruner,
    owner,
    cpuMicros: () => serverCpuMicros(postmaster),
    close: async () => {
      await app.destroy()
      await pruner.destroy()
      await owner.destroy()
      await server.stop()
      rmSync(directory, { recursive: true, force: true })
    }
  }
}

/** Linux counts hundredths of a second: of the process, and of its children that have ended. */
const MICROS_PER_TICK = 10_000

function serverCpuMicros(postmaster: string): number {
  let ticks = 0
  for (const id of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
    const fields = statFields(id)
    if (fields === null || (id !== postmaster && fields[1] !== postmaster)) continue
    const [user = 0, system = 0, ended = 0, endedSystem = 0] = fields.slice(11, 15).map(Number)
    ticks += user + system + (id === postmaster ? ended + endedSystem : 0)
  }
  return ticks * MICROS_PER_TICK
}

/** The fields behind the name of the process; `null` when it has ended. */
function statFields(id: string): string[] | null {
  try {
    const text = readFileSync(`/proc/${id}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return null
  }
}
