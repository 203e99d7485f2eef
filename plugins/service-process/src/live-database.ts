import { defined, type Change, type ReloadSubscriber } from '@sallyport/security-context/mechanics'
import { Client } from 'pg'
import { databaseUrlMistake } from './database-url.ts'
import { DatabaseUrlError } from './errors.ts'

/** The part of a driver connection that says as whom it is connected. */
export interface LoggedInConnection {
  readonly user?: string | undefined
  readonly password?: unknown
}

/** As whom a pool logs in from now on; what is logged in otherwise is closed when it is next looked at. */
export interface DatabaseLogin {
  readonly url: () => string
  readonly isOf: (connection: LoggedInConnection) => boolean
  readonly replace: (url: string) => void
}

/** The login of a URL. */
export function databaseLogin(first: string): DatabaseLogin {
  let url = first
  let { user, password } = driverReading(first)
  return {
    url: () => url,
    isOf: connection => connection.user === user && connection.password === password,
    replace: next => {
      ;({ user, password } = driverReading(next))
      url = next
    }
  }
}

/** What the check of another login needs. */
export interface LoginCheck {
  readonly login: DatabaseLogin
  readonly timeoutMs: number
}

/**
 * Lets a pool change its login with the settings: the new role has to reach the same database with the rights of the
 * old one, or the settings are refused. Statements and transactions under way end on the connection they have.
 */
export function databaseLoginSubscriber(
  check: LoginCheck
): ReloadSubscriber<{ readonly databaseUrl?: string | undefined }> {
  const { login } = check
  return {
    name: 'databaseUrl',
    validate: async ({ databaseUrl: next }): Promise<Change> => {
      const before = login.url()
      if (next === before) return { apply: () => {}, undo: () => {} }
      if (next === undefined) throw new DatabaseUrlError('cannot be left out while the process runs')
      await refuseOtherDatabase(check, next)
      return {
        apply: () => {
          login.replace(next)
        },
        undo: () => {
          login.replace(before)
        }
      }
    }
  }
}

async function refuseOtherDatabase({ login, timeoutMs }: LoginCheck, next: string): Promise<void> {
  const mistake = databaseUrlMistake(next)
  if (mistake !== null) throw new DatabaseUrlError(mistake)
  if (withoutLogin(next) !== withoutLogin(login.url())) {
    throw new DatabaseUrlError('names another database: role and password alone may change while the process runs')
  }
  const { user = '' } = driverReading(login.url())
  const missing = await missingRights(next, user, timeoutMs)
  if (missing.length > 0) {
    throw new DatabaseUrlError(`names a role without the rights of ${user} on ${missing.join(', ')}`)
  }
}

/** Tables, a few, on which the role of the URL may not do what another role may. */
async function missingRights(url: string, role: string, timeoutMs: number): Promise<readonly string[]> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs
  })
  // A connection that breaks while nothing is asked would otherwise end the process.
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ relname: string }>(RIGHTS_MISSING, [role])
    return rows.map(({ relname }) => relname)
  } catch (cause) {
    // The message of the server names the role and never the password.
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw Object.assign(new DatabaseUrlError(`cannot be used: ${reason}`), { cause })
  } finally {
    await client.end().catch(() => {})
  }
}

const RIGHTS_MISSING = `
  select distinct c.relname
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  cross join unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE']) as wanted(privilege)
  where c.relkind in ('r', 'p', 'v') and n.nspname not in ('pg_catalog', 'information_schema')
    and case wanted.privilege
      when 'DELETE' then has_table_privilege($1, c.oid, 'DELETE') and not has_table_privilege(c.oid, 'DELETE')
      else has_any_column_privilege($1, c.oid, wanted.privilege)
        and not has_any_column_privilege(c.oid, wanted.privilege)
    end
  order by c.relname limit 5`

/** Everything but role and password. */
function withoutLogin(url: string): string {
  const parsed = new URL(url)
  parsed.username = ''
  parsed.password = ''
  return parsed.href
}

function driverReading(url: string): LoggedInConnection {
  const { user, password } = new Client({ connectionString: url })
  return defined({ user, password })
}
