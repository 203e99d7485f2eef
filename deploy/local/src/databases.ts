import { escapeIdentifier, escapeLiteral, Client } from 'pg'
import { LauncherError } from './launcher-error.ts'
import { databaseNameOf, type ProcessEntry } from './processes.ts'

/** Roles of one database: the owner migrates, the app role serves, the pruner removes old audit rows. */
export interface ProcessDatabaseRoles {
  readonly owner: string
  readonly app: string
  readonly pruner: string
}

/** An existing database, with the URLs of its roles. */
export interface ProcessDatabase {
  readonly name: string
  readonly roles: ProcessDatabaseRoles
  readonly ownerUrl: string
  readonly appUrl: string
  readonly prunerUrl: string
}

/** Where the database of a process is made: on the common server, or where the operator says. */
export interface DatabaseTarget {
  /** URL of a role that may create databases and roles. */
  readonly adminUrl: string
  readonly name: string
  /** The variable with the URL, for messages. */
  readonly origin: string
}

/**
 * The target of a process. `<PROCESS>_DATABASE_URL` names server and database; the default is a database on the common
 * server.
 */
export function databaseTarget(
  process: ProcessEntry,
  serverUrl: string,
  environment: Readonly<Record<string, string | undefined>>
): DatabaseTarget {
  const variable = `${process.name.replaceAll('-', '_').toUpperCase()}_DATABASE_URL`
  const own = environment[variable]
  if (own === undefined) return { adminUrl: serverUrl, name: databaseNameOf(process), origin: 'DATABASE_URL' }
  const name = decodeURIComponent(parseUrl(own, variable).pathname.slice(1))
  if (name === '') throw new LauncherError(`${variable} has to name a database`)
  return { adminUrl: own, name, origin: variable }
}

/** The three roles of a database. */
export function databaseRoles(database: string): ProcessDatabaseRoles {
  return { owner: `${database}_owner`, app: `${database}_app`, pruner: `${database}_pruner` }
}

/**
 * Creates a database and its roles, or updates their passwords and rights; nobody else may connect.
 * @throws {LauncherError} when the server cannot be reached, or the role lacks the right
 */
export async function ensureDatabase(
  target: DatabaseTarget,
  passwords: Readonly<Record<string, string>>
): Promise<ProcessDatabase> {
  const { name } = target
  const roles = databaseRoles(name)
  const admin = await connectTo(target)
  try {
    for (const role of Object.values(roles)) await ensureRole(admin, role, passwords[role] ?? '')
    const { rowCount } = await admin.query('select 1 from pg_database where datname = $1', [name])
    const database = escapeIdentifier(name)
    if (rowCount === 0) await admin.query(`create database ${database} owner ${escapeIdentifier(roles.owner)}`)
    await admin.query(`revoke all on database ${database} from public`)
    for (const role of Object.values(roles)) {
      await admin.query(`grant connect on database ${database} to ${escapeIdentifier(role)}`)
    }
  } catch (error) {
    throw explained(error, target)
  } finally {
    await admin.end()
  }
  const urlOf = (role: string): string => urlWith(target.adminUrl, name, role, passwords[role] ?? '')
  return { name, roles, ownerUrl: urlOf(roles.owner), appUrl: urlOf(roles.app), prunerUrl: urlOf(roles.pruner) }
}

async function ensureRole(admin: Client, role: string, password: string): Promise<void> {
  const { rowCount } = await admin.query('select 1 from pg_roles where rolname = $1', [role])
  const attributes = `login nosuperuser nocreatedb nocreaterole password ${escapeLiteral(password)}`
  await admin.query(
    `${rowCount === 0 ? 'create' : 'alter'} role ${escapeIdentifier(role)} ${rowCount === 0 ? attributes : `password ${escapeLiteral(password)}`}`
  )
  // A role that is not a superuser creates databases only for owners of which it is a member.
  const {
    rows: [me]
  } = await admin.query<{ superuser: boolean }>(
    'select rolsuper as superuser from pg_roles where rolname = current_user'
  )
  if (me?.superuser !== true) await admin.query(`grant ${escapeIdentifier(role)} to current_user`)
}

async function connectTo(target: DatabaseTarget): Promise<Client> {
  parseUrl(target.adminUrl, target.origin)
  const client = await reach(target.adminUrl).catch(async (error: { code?: string }) => {
    // 3D000: the database does not exist yet; one that every server has is enough to create it.
    if (error.code !== '3D000') throw explained(error, target)
    return reach(withDatabase(target.adminUrl, 'postgres')).catch((other: unknown) => {
      throw explained(other, target)
    })
  })
  client.on('error', () => {})
  return client
}

async function reach(connectionString: string): Promise<Client> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 10_000 })
  await client.connect()
  return client
}

function explained(error: unknown, { origin, name }: DatabaseTarget): Error {
  const { code, message } = error as { code?: string; message: string }
  if (code === '42501') {
    return new LauncherError(
      `The role of ${origin} may not make database ${name} and its roles (${message}): it needs CREATEDB and CREATEROLE`
    )
  }
  if (code === undefined || /^(28|3D|08|E)/.test(code)) {
    return new LauncherError(`The PostgreSQL server of ${origin} cannot be used: ${message === '' ? code : message}`)
  }
  return error instanceof Error ? error : new Error(String(error))
}

function parseUrl(url: string, origin: string): URL {
  if (!URL.canParse(url) || !/^postgres(ql)?:$/.test(new URL(url).protocol)) {
    throw new LauncherError(`${origin} is not a postgres:// URL`)
  }
  return new URL(url)
}

function withDatabase(url: string, database: string): string {
  const changed = new URL(url)
  changed.pathname = `/${encodeURIComponent(database)}`
  return changed.href
}

function urlWith(url: string, database: string, role: string, password: string): string {
  const changed = new URL(withDatabase(url, database))
  changed.username = encodeURIComponent(role)
  changed.password = encodeURIComponent(password)
  return changed.href
}
