// A database that has nothing but a trail, for a process of the app role.
import { auditMigrations } from '@sallyport/audit-log'
import type { Knex } from 'knex'
import type { Test } from 'tap'
import { testDatabase } from '../../support/database.ts'

const TRAIL_ROLES = { appRole: 'test_pushed_app', prunerRole: 'test_pushed_pruner' }

/** The database of a trail, as its superuser, and the URL of the app role. */
export async function trailDatabase(t: Test): Promise<{ readonly db: Knex; readonly appUrl: string }> {
  const { url, db } = await testDatabase(t, 'pushed-trail', prepareTrail)
  const appUrl = Object.assign(new URL(url), { username: TRAIL_ROLES.appRole, password: 'for-tests-only' }).href
  return { db, appUrl }
}

async function prepareTrail(db: Knex): Promise<void> {
  for (const role of Object.values(TRAIL_ROLES)) await db.raw(`create role ${role} login password 'for-tests-only'`)
  const { source, tableName } = auditMigrations(TRAIL_ROLES)
  await db.migrate.latest({ migrationSource: source, tableName })
}
