// npm run migrate -- <role of the app> <role of the job that removes old rows>: makes the tables of the audit trail, as
// the owner of the database.
import { auditMigrations } from '@sallyport/audit-log'
import knex from 'knex'

const [appRole, prunerRole] = process.argv.slice(2)
const { DATABASE_URL: connection } = process.env
if (appRole === undefined || prunerRole === undefined || connection === undefined) {
  console.error('usage: DATABASE_URL=postgres://… npm run migrate -- <role of the app> <role of the pruner>')
  process.exit(2)
}
const db = knex({ client: 'pg', connection })
try {
  const { source, tableName } = auditMigrations({ appRole, prunerRole })
  await db.migrate.latest({ migrationSource: source, tableName })
} finally {
  await db.destroy()
}
