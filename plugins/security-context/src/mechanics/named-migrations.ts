/** Migrations under fixed names, for knex's `db.migrate.latest({ migrationSource: source, tableName })`. */
export interface NamedMigrations<Migration> {
  /** A `Knex.MigrationSource<string>` where `Migration` is `Knex.Migration`. */
  readonly source: MigrationSource<Migration>
  /** The table in which knex keeps what has run: the list's own, so that it meets no other package's migrations. */
  readonly tableName: string
}

/** What knex asks a source. */
export interface MigrationSource<Migration> {
  readonly getMigrations: (loadExtensions?: readonly string[]) => Promise<string[]>
  readonly getMigrationName: (name: string) => string
  readonly getMigration: (name: string) => Promise<Migration>
}

/** A number that keeps the order, then words: never read as an index, which would move it to the front. */
const MIGRATION_NAME = /^\d{3,4}[-_][a-z][a-z0-9]*(?:[-_][a-z0-9]+)*$/

/**
 * A migration source whose names do not depend on where files are, so that a database migrated from sources and one
 * migrated from the published package are the same to knex. A migration is frozen once it is released.
 * @param migrations by name, in the order in which they run
 * @throws {TypeError} when a name is not `001-what-it-does`, or is not after the one before it
 */
export function namedMigrations<Migration>(
  tableName: string,
  migrations: Readonly<Record<string, Migration>>
): NamedMigrations<Migration> {
  const byName: ReadonlyMap<string, Migration> = new Map(Object.entries(migrations))
  let last = ''
  for (const name of byName.keys()) {
    if (!MIGRATION_NAME.test(name)) throw new TypeError(`${tableName}: ${name} is no name of a migration`)
    if (name <= last) throw new TypeError(`${tableName}: ${name} comes after ${last}`)
    last = name
  }
  return Object.freeze({
    tableName,
    source: Object.freeze({
      getMigrations: async () => [...byName.keys()],
      getMigrationName: (name: string) => name,
      getMigration: async (name: string) => {
        const migration = byName.get(name)
        if (migration === undefined) throw new Error(`${tableName} has no migration ${name}`)
        return migration
      }
    })
  })
}
