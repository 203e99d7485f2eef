import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readAudit, sealNow, verifyChain, type AuditQuery } from '@sallyport/audit-log'
import type { Knex } from 'knex'
import { buildRecord } from '../../plugins/audit-log/src/build-record.ts'
import { fieldClasses } from '../../plugins/audit-log/src/privacy/field-class.ts'
import { createJoinHash } from '../../plugins/audit-log/src/privacy/join-hash.ts'
import { createPersonalSealer } from '../../plugins/audit-log/src/privacy/seal-personal.ts'
import { databaseStore } from '../../plugins/audit-log/src/store.ts'
import { startAuditedDatabase, type AuditedDatabase } from './audit/audited-database.ts'
import { FILTERED, grownEvent, grownPlace } from './audit/grown-trail.ts'
import { quantile, rounded } from './support/distribution.ts'
import type { Measured, Measurement } from './support/types.ts'

const FIRST_STAGE = 10_000
const DEFAULT_ROWS = 1_000_000
const ROWS_TOGETHER = 200
const INSERTS_AT_A_TIME = 2
/** Rows between two runs of the sealer. */
const SEALED_TOGETHER = 20_000
/** Searches by each filter, half of them for what is there. */
const SEARCHES = 40
const TIMEOUT_MS = 120_000
const GOAL_MS = 50

/**
 * A trail that grows tenfold from stage to stage, to a million rows or as many as `--rows` says: what a row costs to
 * insert, to seal and to verify, and how long a page of 50 rows takes by each filter. `--profiles FOLDER` keeps the
 * plans of the last stage.
 */
export const measurement: Measurement = async (log, { rows = DEFAULT_ROWS, profiles }) => {
  const database = await startAuditedDatabase()
  try {
    const grow = trailGrower(database)
    const stages: Record<string, Record<string, number>> = {}
    for (let stage = Math.min(FIRST_STAGE, rows); ; stage = Math.min(stage * 10, rows)) {
      const costs = await grow(stage)
      await database.owner.raw('vacuum analyze')
      stages[`${stage} rows`] = { ...costs, ...(await searchTimes(database.app, stage)) }
      log(`${stage} rows: ${JSON.stringify(stages[`${stage} rows`])}`)
      if (stage >= rows) break
    }
    if (profiles !== undefined) writeFileSync(join(profiles, 'audit-search-plans.txt'), await plans(database, rows))
    return summary(stages)
  } finally {
    await database.close()
  }
}

/** Grows the trail to so many rows, and says what each of the new ones cost, in µs of both processes. */
function trailGrower(database: AuditedDatabase): (rows: number) => Promise<Record<string, number>> {
  const rules = { classify: fieldClasses(), joinHash: createJoinHash() }
  const sealer = createPersonalSealer({
    joinHash: rules.joinHash,
    ring: [],
    dayKeysKeptMs: 86_400_000,
    cacheMs: TIMEOUT_MS,
    maxCachedKeys: 10_000,
    monotonicClock: () => performance.now()
  })
  const { insert } = databaseStore(database.app, TIMEOUT_MS, sealer)
  let written = 0

  async function insertSome(end: number): Promise<void> {
    while (written < end) {
      const first = written
      written = Math.min(end, first + ROWS_TOGETHER)
      const places = Array.from({ length: written - first }, (_, index) => first + index)
      await insert(
        places.map(place =>
          buildRecord(grownEvent(place), { process: 'bench', principal: null, ...rules, ...grownPlace(place) })
        )
      )
    }
  }

  return async rows => {
    const before = written
    let [inserting, sealing] = [0, 0]
    while (written < rows) {
      const end = Math.min(rows, written + SEALED_TOGETHER)
      inserting += await cpuMicros(database, () =>
        Promise.all(Array.from({ length: INSERTS_AT_A_TIME }, () => insertSome(end)))
      )
      sealing += await cpuMicros(database, () => sealNow(database.app, { timeoutMs: TIMEOUT_MS }))
    }
    const verifying = await cpuMicros(database, async () => {
      const report = await verifyChain(database.app)
      if (!report.ok) throw new Error(`the trail does not verify: ${report.problem}`)
    })
    return {
      'insert (µs)': rounded(inserting / (rows - before)),
      'seal (µs)': rounded(sealing / (rows - before)),
      'verify (µs)': rounded(verifying / rows)
    }
  }
}

async function cpuMicros(database: AuditedDatabase, run: () => Promise<unknown>): Promise<number> {
  const [cpu, databaseCpu] = [process.cpuUsage(), database.cpuMicros()]
  await run()
  const { user, system } = process.cpuUsage(cpu)
  return user + system + database.cpuMicros() - databaseCpu
}

/** p95 of a page by each filter, in ms. */
async function searchTimes(db: Knex, rows: number): Promise<Record<string, number>> {
  const times: Record<string, number> = {}
  for (const [name, filterOf] of Object.entries(FILTERED)) {
    const found: number[] = []
    for (let search = 0; search < SEARCHES; search++) {
      const startedAt = performance.now()
      await readAudit(db, queryOf(filterOf(somePlace(search, rows), search % 2 === 0)), { timeoutMs: TIMEOUT_MS })
      found.push(performance.now() - startedAt)
    }
    times[`p95 by ${name} (ms)`] = rounded(quantile(found, 0.95))
  }
  return times
}

const queryOf = (filter: Partial<AuditQuery>): AuditQuery => ({ order: 'newest', limit: 50, ...filter })
/** Spread over the trail, and the same in each run. */
const somePlace = (search: number, rows: number): number => (search * 7919 + 17) % rows

async function plans({ app }: AuditedDatabase, rows: number): Promise<string> {
  const statements: { sql: string; bindings: Knex.RawBinding[] }[] = []
  const note = (statement: { sql: string; bindings: Knex.RawBinding[] }): void => {
    statements.push(statement)
  }
  app.on('query', note)
  const texts: string[] = [`Plans of a page of 50 rows over a trail of ${rows} rows.\n`]
  for (const [name, filterOf] of Object.entries(FILTERED)) {
    for (const isThere of [true, false]) {
      statements.length = 0
      await readAudit(app, queryOf(filterOf(somePlace(3, rows), isThere)), { timeoutMs: TIMEOUT_MS })
      const [asked] = statements
      if (asked === undefined) continue
      const explain = `explain (analyze, buffers, costs off, timing off, summary off) ${asked.sql.replaceAll(/\$\d+/g, '?')}`
      const { rows: lines } = await app.raw<{ rows: { 'QUERY PLAN': string }[] }>(explain, asked.bindings)
      texts.push(
        `\n## ${name}, ${isThere ? 'there' : 'not there'}\n`,
        ...lines.map(line => `${line['QUERY PLAN'].slice(0, 160)}\n`)
      )
    }
  }
  app.off('query', note)
  return texts.join('')
}

function summary(stages: Record<string, Record<string, number>>): Measured {
  const [first = {}] = Object.values(stages)
  const last = Object.values(stages).at(-1) ?? {}
  const growth = (name: string): number => Math.round(((last[name] ?? 0) / (first[name] ?? 1)) * 100) / 100
  const searches = Object.entries(last).filter(([name]) => name.startsWith('p95'))
  const costs = ['insert (µs)', 'seal (µs)', 'verify (µs)']
  return {
    values: {},
    candidates: stages,
    goals: Object.fromEntries([
      ...costs.map(name => [`${name}: last stage ÷ first`, { value: growth(name), goal: 1.25, better: 'lower' }]),
      ...searches.map(([name, value]) => [name, { value, goal: GOAL_MS, better: 'lower' }])
    ])
  }
}
