import { readFileSync } from 'node:fs'
import { auditMigrations } from '@sallyport/audit-log'
import type { Knex } from 'knex'
import type { Test } from 'tap'
import { connect, testDatabase, type TestDatabase } from './database.ts'

export const ROLES = { appRole: 'test_audit_app', prunerRole: 'test_audit_pruner' }
export const OWNER = 'test_audit_owner'
const PASSWORD = 'for-tests-only'

/** The audit tables in a database of their own, and a pool of each role. */
export interface AuditDatabase {
  readonly superuser: Knex
  readonly app: Knex
  readonly pruner: Knex
  readonly appUrl: string
  readonly prunerUrl: string
}

async function prepareRoles(db: Knex): Promise<void> {
  for (const role of [OWNER, ...Object.values(ROLES)]) {
    // Another process may make it at this moment, for another template of the same cluster.
    await db.raw(
      `do $$ begin create role ${role} login password '${PASSWORD}'; exception when duplicate_object or unique_violation then null; end $$`
    )
  }
  await db.raw('grant create on schema public to ??', [OWNER])
}

async function prepare(db: Knex): Promise<void> {
  await prepareRoles(db)
  await db.raw('set role ??', [OWNER])
  const { source, tableName } = auditMigrations(ROLES)
  await db.migrate.latest({ migrationSource: source, tableName })
  await db.raw('create table thing (id int primary key)')
  await db.raw('grant select, insert on thing to ??', [ROLES.appRole])
  await db.raw('reset role')
}

/** A trail that release 0.1.0 wrote, before any migration of today. */
async function prepareVersion1(db: Knex): Promise<void> {
  await prepareRoles(db)
  await db.raw('set role ??', [OWNER])
  // A colon and a question mark would be bindings for knex.
  const connection = await db.client.acquireConnection()
  await connection.query(readFileSync(new URL('version-1-trail.sql', import.meta.url), 'utf8'))
  await connection.query('reset role')
  db.client.releaseConnection(connection)
}

/** The audit tables of today, with a table of the app beside them. */
export async function auditDatabase(t: Test): Promise<AuditDatabase> {
  return rolesOf(t, await testDatabase(t, 'audit-log', prepare))
}

/** A database with a trail of release 0.1.0, and the pool of its owner, who migrates it. */
export async function version1Database(t: Test): Promise<AuditDatabase & { readonly owner: Knex }> {
  const database = await testDatabase(t, 'audit-log-version-1', prepareVersion1)
  const owner = connect(urlOf(database, OWNER))
  t.after(async () => {
    await owner.destroy()
  })
  return { ...rolesOf(t, database), owner }
}

/** A trail without rows again, for the next test of a file that has one database. */
export async function emptyTrail({ superuser }: AuditDatabase): Promise<void> {
  await superuser.raw(
    `truncate audit_events, audit_seals, audit_prunings, audit_spans, audit_pushes, audit_holds, audit_hold_releases
      cascade`
  )
}

function urlOf({ url }: TestDatabase, role: string): string {
  const own = new URL(url)
  own.username = role
  own.password = PASSWORD
  return own.href
}

function rolesOf(t: Test, database: TestDatabase): AuditDatabase {
  const app = connect(urlOf(database, ROLES.appRole))
  const pruner = connect(urlOf(database, ROLES.prunerRole))
  t.after(async () => {
    await app.destroy()
    await pruner.destroy()
  })
  const [appUrl, prunerUrl] = [urlOf(database, ROLES.appRole), urlOf(database, ROLES.prunerRole)]
  return { superuser: database.db, app, pruner, appUrl, prunerUrl }
}
