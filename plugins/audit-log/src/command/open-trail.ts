import { readFileSync } from 'node:fs'
import type { Knex } from 'knex'
import { openTrailPool, trailUrlMistake } from '../trail-pool.ts'
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
  const mistake = trailUrlMistake(url)
  if (mistake !== null) throw new AuditUsageError(`${variable} ${mistake}`)
  return openTrailPool(url)
}

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
