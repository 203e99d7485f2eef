import { loadSettings } from '@sallyport/configuration'
import knex from 'knex'
import Type from 'typebox'
import { databaseLog } from '../database-log.ts'
import { databaseUrlMistake } from '../database-url.ts'
import { ProgramUsageError, type MigrationRoles } from './process-program.ts'
import type { Knex } from 'knex'

const CONNECT_MS = 10_000

const ownerSettings = Type.Object({ databaseUrl: Type.String({ secret: true, pattern: '^postgres(ql)?://' }) })

/** The options of a migration, as they were given. */
interface MigrationOptions {
  readonly 'app-role'?: string | undefined
  readonly 'pruner-role'?: string | undefined
}

/**
 * Brings a database up to date as its owner, whose URL is `DATABASE_URL` or in the file of `DATABASE_URL_FILE`. No
 * other setting is needed. A statement may take as long as it takes; only connecting is bounded.
 * @throws {ProgramUsageError} when a role is missing
 */
export async function migrateDatabase(
  migrate: (db: Knex, roles: MigrationRoles) => Promise<void>,
  options: MigrationOptions,
  environment: Readonly<Record<string, string | undefined>>
): Promise<void> {
  const roles = { appRole: givenRole(options, 'app-role'), prunerRole: givenRole(options, 'pruner-role') }
  const { DATABASE_URL, DATABASE_URL_FILE } = environment
  const { values } = loadSettings({
    schema: ownerSettings,
    environment: { DATABASE_URL, DATABASE_URL_FILE },
    mistakes: ({ databaseUrl }) => {
      const mistake = databaseUrlMistake(databaseUrl)
      return mistake === null ? [] : [`databaseUrl: ${mistake}`]
    }
  })
  const db = knex({
    client: 'pg',
    log: databaseLog,
    connection: { connectionString: values.databaseUrl, connectionTimeoutMillis: CONNECT_MS, keepAlive: true },
    acquireConnectionTimeout: CONNECT_MS,
    pool: { min: 0, max: 2 }
  })
  try {
    await migrate(db, roles)
  } finally {
    await db.destroy()
  }
}

function givenRole(options: MigrationOptions, name: keyof MigrationOptions): string {
  const role = options[name]
  if (role === undefined || role === '') throw new ProgramUsageError(`--${name} is missing`)
  return role
}
