import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pruneAudit, readAudit, type AuditQuery } from '@sallyport/audit-log'
import type { Knex } from 'knex'
import { startAuditedDatabase, type AuditedDatabase } from './audit/audited-database.ts'
import { explainPage } from '../support/explain-pages.ts'
import { fillTrail } from './audit/fill-trail.ts'
import { FILTERED, timeOfPlace } from './audit/grown-trail.ts'
import { measureRows } from './audit/measure-rows.ts'
import { quantile, rounded } from './support/distribution.ts'
import type { Measured, Measurement } from './support/types.ts'

const FIRST_STAGE = 10_000
const DEFAULT_ROWS = 1_000_000
/** Rows of each stage that go through the plugin and the real sealer and are verified: the last ones. */
const MEASURED_ROWS = 10_000
/** Searches by each filter, half of them for what is there. */
const SEARCHES = 40
const TIMEOUT_MS = 120_000
const GOAL_MS = 50
/** A tenth of the trail is pruned in each stage, the oldest. */
const PRUNED_SHARE = 10

/**
 * A trail that grows tenfold from stage to stage, to a million rows or as many as `--rows` says: what a row costs to
 * insert, to seal and to verify, how long a page of 50 rows takes by each filter, and what pruning costs. The last
 * 10,000 rows of each stage are written by the plugin; those before are the same rows out of SQL (`fillTrail`), sealed
 * by the real sealer. `--profiles FOLDER` keeps the plans of the last stage.
 */
export const measurement: Measurement = async (log, { rows = DEFAULT_ROWS, profiles }) => {
  const database = await startAuditedDatabase()
  try {
    const measure = measureRows(database)
    const stages: Record<string, Record<string, number>> = {}
    for (let [stage, written] = [Math.min(FIRST_STAGE, rows), 0]; ; stage = Math.min(stage * 10, rows)) {
      const filled = await timed(() => fillTrail(database, written, stage - MEASURED_ROWS))
      log(`${stage - written} rows filled in ${Math.round(filled / 1000)} s`)
      await database.owner.raw('vacuum analyze')
      const costs = await measure(Math.max(written, stage - MEASURED_ROWS), stage)
      written = stage
      await database.owner.raw('vacuum analyze')
      const searches = await searchTimes(database.app, stage)
      if (stage === rows && profiles !== undefined) {
        writeFileSync(join(profiles, 'audit-search-plans.txt'), await plans(database.app, rows))
      }
      stages[`${stage} rows`] = { ...costs, ...searches, ...(await pruningCosts(database, stage)) }
      log(`${stage} rows: ${JSON.stringify(stages[`${stage} rows`])}`)
      if (stage >= rows) break
    }
    return summary(stages)
  } finally {
    await database.close()
  }
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await run()
  return performance.now() - startedAt
}

/** p95 of a page by each filter, in ms. */
async function searchTimes(db: Knex, rows: number): Promise<Record<string, number>> {
  const times: Record<string, number> = {}
  for (const [name, filterOf] of Object.entries(FILTERED)) {
    const found: number[] = []
    for (let search = 0; search < SEARCHES; search++) {
      const query = queryOf(filterOf(somePlace(search, rows), search % 2 === 0))
      found.push(await timed(() => readAudit(db, query, { timeoutMs: TIMEOUT_MS })))
    }
    times[`p95 by ${name} (ms)`] = rounded(quantile(found, 0.95))
  }
  return times
}

const queryOf = (filter: Partial<AuditQuery>): AuditQuery => ({ order: 'newest', limit: 50, ...filter })

/** Spread evenly over what is left of the trail, and the same in each run. */
function somePlace(search: number, rows: number): number {
  const pruned = rows / PRUNED_SHARE
  return Math.floor(pruned + (((search + 1) * 0.618_033_988_7) % 1) * (rows - pruned))
}

async function plans(db: Knex, rows: number): Promise<string> {
  const texts = [`Plans of a page of 50 rows over a trail of ${rows} rows.\n`]
  for (const [name, filterOf] of Object.entries(FILTERED)) {
    for (const isThere of [true, false]) {
      const lines = await explainPage(db, queryOf(filterOf(somePlace(3, rows), isThere)), TIMEOUT_MS)
      texts.push(`\n## ${name}, ${isThere ? 'there' : 'not there'}\n`, ...lines.map(line => `${line.slice(0, 160)}\n`))
    }
  }
  return texts.join('')
}

/** Prunes the oldest rows: what each of them costs, and how long the longest transaction is open. */
async function pruningCosts({ pruner, cpuMicros }: AuditedDatabase, rows: number): Promise<Record<string, number>> {
  let [openSince, longest] = [performance.now(), 0]
  const begun = ({ sql }: { sql: string }): void => {
    if (!sql.startsWith('BEGIN')) return
    longest = Math.max(longest, performance.now() - openSince)
    openSince = performance.now()
  }
  pruner.on('query', begun)
  const before = timeOfPlace(Math.floor(rows / PRUNED_SHARE))
  const [startedAt, cpu] = [performance.now(), cpuMicros()]
  const { removed } = await pruneAudit(pruner, { before, timeoutMs: TIMEOUT_MS })
  const [took, used] = [performance.now() - startedAt, cpuMicros() - cpu]
  longest = Math.max(longest, performance.now() - openSince)
  pruner.off('query', begun)
  const again = await timed(() => pruneAudit(pruner, { before, timeoutMs: TIMEOUT_MS }))
  return {
    'pruned rows': removed,
    'prune (µs)': rounded(used / removed),
    'prune (s)': rounded(took / 1000),
    'longest pruning transaction (ms)': rounded(longest),
    'pruning again (ms)': rounded(again)
  }
}

function summary(stages: Record<string, Record<string, number>>): Measured {
  const [first = {}] = Object.values(stages)
  const last = Object.values(stages).at(-1) ?? {}
  const growth = (name: string): number => Math.round(((last[name] ?? 0) / (first[name] ?? 1)) * 100) / 100
  const searches = Object.entries(last).filter(([name]) => name.startsWith('p95'))
  const costs = ['insert (µs)', 'seal (µs)', 'verify (µs)', 'prune (µs)']
  return {
    values: {},
    candidates: stages,
    goals: Object.fromEntries([
      ...costs.map(name => [`${name}: last stage ÷ first`, { value: growth(name), goal: 1.25, better: 'lower' }]),
      ...searches.map(([name, value]) => [name, { value, goal: GOAL_MS, better: 'lower' }])
    ])
  }
}
