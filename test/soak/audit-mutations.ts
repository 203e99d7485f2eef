import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { auditMigrations } from '@sallyport/audit-log'
import { startPostgres } from '@sallyport/local'
import { checkpointKeys } from '../../plugins/audit-log/src/checkpoint/checkpoint-options.ts'
import { notesAnchor, writeEveryKindOfRow } from '../support/audit-mutations/every-kind-of-row.ts'
import { findMissed, verifyOnce } from '../support/audit-mutations/find-missed.ts'
import { trailMutations } from '../support/audit-mutations/mutations.ts'
import { connect } from '../support/database.ts'
import type { Soak } from './types.ts'

const LOGGED_EVERY = 500

/** Every mutation of a trail with every kind of record: none is missed. */
export const auditMutations: Soak = async log => {
  const directory = fileURLToPath(
    new URL(`../../.sallyport/mutations-${randomBytes(4).toString('hex')}`, import.meta.url)
  )
  mkdirSync(directory, { recursive: true })
  const settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }
  const postgres = await startPostgres({ directory, keeper: true, settings })
  const db = connect(postgres.url, 2)
  try {
    await db.raw('create role trail_app; create role trail_pruner')
    const { source, tableName } = auditMigrations({ appRole: 'trail_app', prunerRole: 'trail_pruner' })
    await db.migrate.latest({ migrationSource: source, tableName })
    const keys = checkpointKeys({ origin: 'orders.example.com/audit', keys: [randomBytes(32)] })
    const trail = { db, keys, anchor: notesAnchor() }
    await writeEveryKindOfRow(trail)
    const before = await verifyOnce(trail)
    const mutations = await trailMutations(db)
    const { made, missed } = await findMissed(trail, mutations, done => {
      if (done % LOGGED_EVERY === 0) log(`${done} of ${mutations.length} mutations`)
    })
    const broken = missed.map(name => `missed: ${name}`)
    return {
      counts: { mutations: mutations.length, 'that changed something': made, missed: missed.length },
      broken: before === null ? broken : [`the trail does not verify before: ${before}`, ...broken]
    }
  } finally {
    await db.destroy()
    await postgres.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}
