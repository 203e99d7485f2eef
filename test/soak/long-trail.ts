import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { auditMigrations, sealNow } from '@sallyport/audit-log'
import { startPostgres } from '@sallyport/local'
import knex, { type Knex } from 'knex'
import { connect } from '../support/database.ts'
import type { Soak, SoakResult } from './types.ts'

const ROWS = 10_000_000
/** Rows that are committed and not sealed when the process starts. */
const BACKLOG = 20_000
const ROWS_OF_A_TRANSACTION = 1000
/** Of each statement, as the processes have it. */
const STATEMENT_LIMIT_MS = 5000
/** The backlog is ten pages; the machine may be busy. */
const RESTART_LIMIT_MS = 60_000
/** Every row is looked at once, where no release that keeps watermarks has sealed before. */
const FIRST_LIMIT_MS = 30 * 60_000

/**
 * A trail of ten million rows: a run of the sealer after a restart ends in time, and no statement is over the limit.
 */
export const longTrail: Soak = async log => sealLongTrail(ROWS, log)

export async function sealLongTrail(rows: number, log: (line: string) => void): Promise<SoakResult> {
  const directory = fileURLToPath(new URL(`../../.sallyport/trail-${randomBytes(4).toString('hex')}`, import.meta.url))
  mkdirSync(directory, { recursive: true })
  const postgres = await startPostgres({
    directory,
    keeper: true,
    settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }
  })
  const owner = connect(postgres.url, 2)
  const db = knex({
    client: 'pg',
    connection: { connectionString: postgres.url, statement_timeout: STATEMENT_LIMIT_MS },
    pool: { min: 0, max: 2 }
  })
  try {
    await owner.raw('create role trail_app; create role trail_pruner')
    const { source, tableName } = auditMigrations({ appRole: 'trail_app', prunerRole: 'trail_pruner' })
    await owner.migrate.latest({ migrationSource: source, tableName })
    await writeRows(owner, rows)
    log(`${rows} rows written`)
    await sealWithoutWatermarks(owner)
    await owner.raw('vacuum analyze audit_events, audit_seals')
    log('sealed as an earlier release sealed them')

    await writeRows(owner, BACKLOG)
    const first = await timed(async () => sealNow(db))
    log(`first run, which looks at everything once: ${first.ms} ms`)
    await writeRows(owner, BACKLOG)
    const restarted = await timed(async () => sealNow(db))
    log(`run after a restart: ${restarted.ms} ms`)
    const {
      rows: [left]
    } = await owner.raw('select (select count(*) from audit_events) - (select count(*) from audit_seals) as unsealed')
    return {
      counts: {
        rows,
        'rows sealed by the first run': first.sealed,
        'first run, ms': first.ms,
        'rows sealed after a restart': restarted.sealed,
        'run after a restart, ms': restarted.ms
      },
      broken: [
        ...(first.sealed === BACKLOG ? [] : [`the first run sealed ${first.sealed} of ${BACKLOG} rows`]),
        ...(restarted.sealed === BACKLOG
          ? []
          : [`the run after a restart sealed ${restarted.sealed} of ${BACKLOG} rows`]),
        ...(Number(left.unsealed) === 0 ? [] : [`${left.unsealed} rows are left unsealed`]),
        ...(first.ms < FIRST_LIMIT_MS ? [] : [`the first run took ${first.ms} ms`]),
        ...(restarted.ms < RESTART_LIMIT_MS ? [] : [`the run after a restart took ${restarted.ms} ms`])
      ]
    }
  } finally {
    await db.destroy()
    await owner.destroy()
    await postgres.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** In transactions of a thousand rows. The hashes are not of the rows: sealing does not look at what they say. */
async function writeRows(owner: Knex, rows: number): Promise<void> {
  await owner.raw(`
    do $$ begin
      for batch in 1..${rows / ROWS_OF_A_TRANSACTION} loop
        insert into audit_events (version, id, occurred_at, process, action, outcome, subject, content_hash)
          select 2, gen_random_uuid(), now(), 'soak', 'soak.row', 'success', 'user-' || n % 1000, sha256(n::text::bytea)
          from generate_series(1, ${ROWS_OF_A_TRANSACTION}) n;
        commit;
      end loop;
    end $$`)
}

async function sealWithoutWatermarks(owner: Knex): Promise<void> {
  await owner.raw(`
    insert into audit_seals (sequence, event_id, content_hash, chain_hash)
      select row_number() over (order by transaction_id, id), id, content_hash, content_hash from audit_events`)
}

async function timed(
  run: () => Promise<{ readonly sealed: number }>
): Promise<{ readonly sealed: number; readonly ms: number }> {
  const startedAt = performance.now()
  const { sealed } = await run()
  return { sealed, ms: Math.round(performance.now() - startedAt) }
}
