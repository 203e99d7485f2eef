import { securityContextOf } from './principal.ts'
import { auditMigrations, type AuditLogOptions, type AuditRecord } from '@sallyport/audit-log'
import auditLog from '@sallyport/audit-log'
import securityContext from '@sallyport/security-context'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Knex } from 'knex'
import type { Test } from 'tap'
import { clusterUrl, connect, testDatabase } from '../../support/database.ts'

export const ROLES = { appRole: 'test_audit_app', prunerRole: 'test_audit_pruner' }
const OWNER = 'test_audit_owner'
const PASSWORD = 'for-tests-only'

/** The audit tables in a database of their own, and a pool of each role. */
export interface AuditDatabase {
  readonly superuser: Knex
  readonly app: Knex
  readonly pruner: Knex
  readonly appUrl: string
}

async function prepare (db: Knex): Promise<void> {
  for (const role of [OWNER, ...Object.values(ROLES)]) {
    const { rows } = await db.raw('select 1 from pg_roles where rolname = ?', [role])
    if (rows.length === 0) await db.raw(`create role ?? login password '${PASSWORD}'`, [role])
  }
  await db.raw('grant create on schema public to ??', [OWNER])
  await db.raw('set role ??', [OWNER])
  const { source, tableName } = auditMigrations(ROLES)
  await db.migrate.latest({ migrationSource: source, tableName })
  await db.raw('create table thing (id int primary key)')
  await db.raw('grant select, insert on thing to ??', [ROLES.appRole])
  await db.raw('reset role')
}

export async function auditDatabase (t: Test): Promise<AuditDatabase> {
  const { db, url } = await testDatabase(t, 'audit-log', prepare)
  const as = (role: string): string => {
    const own = new URL(url)
    own.username = role
    own.password = PASSWORD
    return own.href
  }
  const app = connect(as(ROLES.appRole))
  const pruner = connect(as(ROLES.prunerRole))
  t.after(async () => { await app.destroy(); await pruner.destroy() })
  return { superuser: db, app, pruner, appUrl: as(ROLES.appRole) }
}

/** A pool that no server answers. */
export function deadPool (t: Test): Knex {
  const url = new URL(clusterUrl())
  url.port = '1'
  const db = connect(url.href)
  t.after(async () => { await db.destroy() })
  return db
}

/** An app with the audit log, whose caller is `x-test-subject`; routes are added by `routes`. */
export async function buildApp (t: Test, options: Omit<AuditLogOptions, 'process'>, routes: (app: FastifyInstance) => void): Promise<FastifyInstance> {
  const app = Fastify()
  t.after(async () => { await app.close() })
  await app.register(securityContext)
  app.addHook('onRequest', async request => { request.principal = securityContextOf(request.headers['x-test-subject']) })
  await app.register(auditLog, { process: 'order-service', sealer: false, ...options })
  routes(app)
  await app.ready()
  return app
}

export async function rowsOf (db: Knex): Promise<(Record<string, unknown> & Pick<AuditRecord, 'action' | 'outcome' | 'reason' | 'subject'> & { detail: Record<string, unknown> })[]> {
  return db('audit_events').orderBy('occurred_at')
}
