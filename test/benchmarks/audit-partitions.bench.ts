import { pruneAudit, readAudit, type AuditQuery } from '@sallyport/audit-log'
import type { Knex } from 'knex'
import { startAuditedDatabase, type AuditedDatabase } from './audit/audited-database.ts'
import { fillTrail } from './audit/fill-trail.ts'
import { FILTERED, timeOfPlace } from './audit/grown-trail.ts'
import { measureRows } from './audit/measure-rows.ts'
import { quantile, rounded } from './support/distribution.ts'
import type { Measurement } from './support/types.ts'

const DEFAULT_ROWS = 1_000_000
const PARTITIONS = 12
const MEASURED_ROWS = 20_000
const SEARCHES = 40
const TIMEOUT_MS = 120_000

/**
 * The trail as one table, and the same rows in twelve partitions by id, which begins with the time and is the only key
 * that a partitioned table can keep unique by itself. What a row costs to insert, how long a page takes by each filter,
 * and what it costs to get rid of a twelfth of the rows: by a pruning, or by dropping the partition that has them, with
 * the questions that have to be asked before. Nothing of the project uses the second table.
 */
export const measurement: Measurement = async (log, { rows = DEFAULT_ROWS }) => {
  const database = await startAuditedDatabase()
  try {
    await fillTrail(database, 0, rows)
    await database.owner.raw('vacuum analyze')
    const measure = measureRows(database)
    const places = { next: rows }
    const measureMore = async (): Promise<Record<string, number>> => {
      places.next += MEASURED_ROWS
      return await measure(places.next - MEASURED_ROWS, places.next)
    }
    // The first rows of a person make a key.
    await measureMore()
    const whole: Record<string, number> = {
      ...(await measureMore()),
      ...(await searchTimes(database.app, rows))
    }
    log(`one table: ${JSON.stringify(whole)}`)
    await partition(database.owner, rows)
    await exchange(database.owner, 'audit_events_partitioned', 'audit_events_whole')
    const parted: Record<string, number> = {
      ...(await measureMore()),
      ...(await searchTimes(database.app, rows)),
      ...(await dropPartition(database))
    }
    log(`partitions: ${JSON.stringify(parted)}`)
    await exchange(database.owner, 'audit_events_whole', 'audit_events_partitioned')
    Object.assign(whole, await prune(database, Math.floor(rows / PARTITIONS)))
    return { values: {}, candidates: { 'one table': whole, partitions: parted }, goals: {} }
  } finally {
    await database.close()
  }
}

async function searchTimes(db: Knex, rows: number): Promise<Record<string, number>> {
  const times: Record<string, number> = {}
  for (const [name, filterOf] of Object.entries(FILTERED)) {
    const found: number[] = []
    for (let search = 0; search < SEARCHES; search++) {
      const place = Math.floor((((search + 1) * 0.618_033_988_7) % 1) * rows)
      const query: AuditQuery = { order: 'newest', limit: 50, ...filterOf(place, search % 2 === 0) }
      const startedAt = performance.now()
      await readAudit(db, query, { timeoutMs: TIMEOUT_MS })
      found.push(performance.now() - startedAt)
    }
    times[`p95 by ${name} (ms)`] = rounded(quantile(found, 0.95))
  }
  return times
}

/** The first id of a partition. */
const idFrom = (place: number): string => {
  const time = timeOfPlace(place).getTime().toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-0000-0000-000000000000`
}

async function partition(owner: Knex, rows: number): Promise<void> {
  await owner.raw('create table audit_events_partitioned (like audit_events including all) partition by range (id)')
  const bounds = Array.from({ length: PARTITIONS + 1 }, (_, index) => Math.floor((index * rows) / PARTITIONS))
  for (const [index, place] of bounds.entries()) {
    const end = bounds[index + 1]
    const until = end === undefined ? 'maxvalue' : `'${idFrom(end)}'`
    const from = index === 0 ? 'minvalue' : `'${idFrom(place)}'`
    await owner.raw(
      `create table audit_events_part_${index} partition of audit_events_partitioned for values from (${from}) to (${until})`
    )
  }
  await owner.raw('insert into audit_events_partitioned select * from audit_events')
  await owner.raw('grant select, insert on audit_events_partitioned to bench_app')
  await owner.raw('vacuum analyze')
}

async function exchange(owner: Knex, next: string, former: string): Promise<void> {
  await owner.raw('begin; alter table audit_events rename to ??; alter table ?? rename to audit_events; commit', [
    former,
    next
  ])
}

async function prune({ pruner, cpuMicros }: AuditedDatabase, place: number): Promise<Record<string, number>> {
  const [startedAt, cpu] = [performance.now(), cpuMicros()]
  const { removed } = await pruneAudit(pruner, { before: timeOfPlace(place), timeoutMs: TIMEOUT_MS })
  return {
    'removed rows': removed,
    'remove (µs CPU per row)': rounded((cpuMicros() - cpu) / removed),
    'remove (ms)': rounded(performance.now() - startedAt)
  }
}

/** Which sequences the partition has, without holes, and that none of them is held; then its end. */
async function dropPartition({ owner, cpuMicros }: AuditedDatabase): Promise<Record<string, number>> {
  const [startedAt, cpu] = [performance.now(), cpuMicros()]
  const { rows } = await owner.raw<{ rows: { removed: string; ranges: string }[] }>(`
    select count(*) as ranges, sum(rows) as removed from (
      select count(*) as rows from (
        select s.sequence - row_number() over (order by s.sequence) as island
        from audit_events_part_0 e join audit_seals s on s.event_id = e.id
        where e.action not like 'session.%' and not exists (select from audit_prunings p where p.event_id = e.id)
      ) sealed group by island
    ) ranges`)
  const asked = performance.now()
  await owner.raw(
    'begin; alter table audit_events detach partition audit_events_part_0; drop table audit_events_part_0; commit'
  )
  const [found] = rows
  const removed = Number(found?.removed ?? 0)
  return {
    'removed rows': removed,
    'remove (µs CPU per row)': rounded((cpuMicros() - cpu) / removed),
    'remove (ms)': rounded(performance.now() - startedAt),
    'of it detach and drop (ms)': rounded(performance.now() - asked),
    ranges: Number(found?.ranges ?? 0)
  }
}
