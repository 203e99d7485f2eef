import { readFileSync } from 'node:fs'
import { isLoopback } from '@sallyport/security-context/mechanics'
import knex, { type Knex } from 'knex'
import { AuditUsageError } from './audit-terminal.ts'

/** What is read of `process.env`. */
export type CommandEnvironment = Readonly<Record<string, string | undefined>>

/** Variables that say which database, and by which role of it; or files that `<name>_FILE` names. */
export type TrailDatabase = 'DATABASE_URL' | 'PRUNER_DATABASE_URL'

/**
 * The pool of a command: `DATABASE_URL`, or the file that `DATABASE_URL_FILE` names. It must be of the role that may do
 * what the command does. Another host is reached with verified TLS only.
 * @param variable `PRUNER_DATABASE_URL` for what the pruner does in a command of the app role
 * @throws {AuditUsageError}
 */
export function openTrail(environment: CommandEnvironment, variable: TrailDatabase = 'DATABASE_URL'): Knex {
  const url = databaseUrl(environment, variable)
  if (!URL.canParse(url)) throw new AuditUsageError(`${variable} is not a URL`)
  const { hostname, searchParams } = new URL(url)
  const isLocal = hostname === '' || isLoopback(hostname)
  if (!isLocal && searchParams.get('sslmode') !== 'verify-full') {
    throw new AuditUsageError(`${variable} reaches another host without verified TLS: give sslmode=verify-full`)
  }
  return knex({
    client: 'pg',
    connection: { connectionString: url, connectionTimeoutMillis: 10_000 },
    pool: POOL,
    log: SILENT
  })
}

const POOL = { min: 0, max: 2 }
/** What fails is said once, by the command. */
const SILENT = { warn: () => {}, error: () => {}, debug: () => {}, deprecate: () => {} }

function databaseUrl(environment: CommandEnvironment, variable: TrailDatabase): string {
  const [url, file] = [environment[variable], environment[`${variable}_FILE`]]
  if (url !== undefined) return url
  if (file === undefined) throw new AuditUsageError(`${variable} or ${variable}_FILE is missing`)
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    throw new AuditUsageError(`the file of ${variable}_FILE cannot be read`)
  }
}
