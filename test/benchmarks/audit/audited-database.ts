import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { auditMigrations } from '@sallyport/audit-log'
import { startPostgres } from '@sallyport/local'
import knex, { type Knex } from 'knex'
import { connect } from '../../support/database.ts'
import { databaseCpu } from '../support/database-cpu.ts'

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
  return {
    app,
    pruner,
    owner,
    cpuMicros: databaseCpu(server.dataDirectory),
    close: async () => {
      await app.destroy()
      await pruner.destroy()
      await owner.destroy()
      await server.stop()
      rmSync(directory, { recursive: true, force: true })
    }
  }
}
