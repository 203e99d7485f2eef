import { readFileSync } from 'node:fs'
import type { Knex } from 'knex'
import { openTrailPool, trailUrlMistake } from '../trail-pool.ts'
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
  const mistake = trailUrlMistake(url)
  if (mistake !== null) throw new AuditUsageError(`DATABASE_URL ${mistake}`)
  return openTrailPool(url)
}

function databaseUrl({ DATABASE_URL: url, DATABASE_URL_FILE: file }: CommandEnvironment): string {
  if (url !== undefined) return url
  if (file === undefined) throw new AuditUsageError('DATABASE_URL or DATABASE_URL_FILE is missing')
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    throw new AuditUsageError('the file of DATABASE_URL_FILE cannot be read')
  }
}
