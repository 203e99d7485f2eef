import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import knex, { type Knex } from 'knex'
import type { Test } from 'tap'
import { CLUSTER_FILE } from './cluster-file.ts'

/** A database of one test file. */
export interface TestDatabase {
  /** Connection URL of the superuser for this database. */
  readonly url: string
  /** A pool of the superuser, destroyed after the test. */
  readonly db: Knex
}

/** The superuser's URL of the run's cluster. */
export function clusterUrl(): string {
  return (JSON.parse(readFileSync(CLUSTER_FILE, 'utf8')) as { url: string }).url
}

/**
 * A database of the test's own, copied from a template that the first user of that template prepares.
 * @param template name of the template; the same name must always mean the same `prepare`
 * @param prepare makes tables and roles in the template, once per run
 */
export async function testDatabase(
  t: Test,
  template: string,
  prepare: (db: Knex) => Promise<void>
): Promise<TestDatabase> {
  const admin = connect(clusterUrl(), 1)
  const name = `test_${template.replaceAll('-', '_')}_${randomBytes(6).toString('hex')}`
  const templateName = `template_${template.replaceAll('-', '_')}`
  try {
    await admin.raw('select pg_advisory_lock(hashtext(?))', [templateName])
    const { rows } = await admin.raw('select 1 from pg_database where datname = ?', [templateName])
    if (rows.length === 0) {
      await admin.raw('create database ??', [`${templateName}_unfinished`])
      const db = connect(databaseUrl(`${templateName}_unfinished`), 1)
      await prepare(db).finally(() => db.destroy())
      await admin.raw('alter database ?? rename to ??', [`${templateName}_unfinished`, templateName])
    }
    await admin.raw('create database ?? template ??', [name, templateName])
    await admin.raw('select pg_advisory_unlock(hashtext(?))', [templateName])
  } finally {
    await admin.destroy()
  }
  const db = connect(databaseUrl(name), 5)
  t.after(async () => {
    await db.destroy()
  })
  return { url: databaseUrl(name), db }
}

/** A pool for a URL; the caller destroys it. */
export function connect(url: string, max = 5): Knex {
  return knex({ client: 'pg', connection: url, pool: { min: 0, max } })
}

function databaseUrl(name: string): string {
  const url = new URL(clusterUrl())
  url.pathname = `/${name}`
  return url.href
}
