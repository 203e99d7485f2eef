import { readFileSync } from 'node:fs'
import { isLoopback } from '@sallyport/security-context/mechanics'
import knex, { type Knex } from 'knex'
import { AuditUsageError } from './audit-terminal.ts'

/** What is read of `process.env`. */
export type CommandEnvironment = Readonly<Record<string, string | undefined>>

/**
 * The pool of a command: `DATABASE_URL`, or the file that `DATABASE_URL_FILE` names. It must be of the role that may do
 * what the command does. Another host is reached with verified TLS only.
 * @throws {AuditUsageError}
 */
export function openTrail(environment: CommandEnvironment): Knex {
  const url = databaseUrl(environment)
  if (!URL.canParse(url)) throw new AuditUsageError('DATABASE_URL is not a URL')
  const { hostname, searchParams } = new URL(url)
  const isLocal = hostname === '' || isLoopback(hostname)
  if (!isLocal && searchParams.get('sslmode') !== 'verify-full') {
    throw new AuditUsageError('DATABASE_URL reaches another host without verified TLS: give sslmode=verify-full')
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

function databaseUrl({ DATABASE_URL: url, DATABASE_URL_FILE: file }: CommandEnvironment): string {
  if (url !== undefined) return url
  if (file === undefined) throw new AuditUsageError('DATABASE_URL or DATABASE_URL_FILE is missing')
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    throw new AuditUsageError('the file of DATABASE_URL_FILE cannot be read')
  }
}
