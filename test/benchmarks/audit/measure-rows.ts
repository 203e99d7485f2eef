import { sealNow } from '@sallyport/audit-log'
import type { Knex } from 'knex'
import { buildRecord } from '../../../plugins/audit-log/src/build-record.ts'
import { fieldClasses } from '../../../plugins/audit-log/src/privacy/field-class.ts'
import { createJoinHash } from '../../../plugins/audit-log/src/privacy/join-hash.ts'
import { createPersonalSealer } from '../../../plugins/audit-log/src/privacy/seal-personal.ts'
import { databaseStore } from '../../../plugins/audit-log/src/store.ts'
import { verifyPage } from '../../../plugins/audit-log/src/verify-chain.ts'
import { GENESIS } from '../../../plugins/audit-log/src/seal-pending.ts'
import { readPrunings } from '../../../plugins/audit-log/src/verify-prunings.ts'
import { rounded } from '../support/distribution.ts'
import type { AuditedDatabase } from './audited-database.ts'
import { grownEvent, grownPlace } from './grown-trail.ts'

const ROWS_TOGETHER = 200
const INSERTS_AT_A_TIME = 2
/** Rows between two runs of the sealer. */
const SEALED_TOGETHER = 5000
const VERIFIED_TOGETHER = 1000
const TIMEOUT_MS = 120_000

/** Adds rows to the end of the trail, and says what each of them cost, in µs of both processes. */
export function measureRows(
  database: AuditedDatabase
): (first: number, end: number) => Promise<Record<string, number>> {
  const insertSome = rowInserter(database.app)
  return async (first, end) => {
    let [inserting, sealing] = [0, 0]
    for (let start = first; start < end; start += SEALED_TOGETHER) {
      const places = { next: start, end: Math.min(end, start + SEALED_TOGETHER) }
      inserting += await cpuMicros(database, () =>
        Promise.all(Array.from({ length: INSERTS_AT_A_TIME }, () => insertSome(places)))
      )
      sealing += await cpuMicros(database, () => sealNow(database.app, { timeoutMs: TIMEOUT_MS }))
    }
    const verifying = await cpuMicros(database, () => verifyLast(database.app, end - first))
    return {
      'insert (µs)': rounded(inserting / (end - first)),
      'seal (µs)': rounded(sealing / (end - first)),
      'verify (µs)': rounded(verifying / (end - first))
    }
  }
}

function rowInserter(db: Knex): (places: { next: number; readonly end: number }) => Promise<void> {
  const rules = { classify: fieldClasses(), joinHash: createJoinHash() }
  const sealer = createPersonalSealer({
    joinHash: rules.joinHash,
    ring: [],
    dayKeysKeptMs: 86_400_000,
    cacheMs: 86_400_000,
    maxCachedKeys: 10_000,
    monotonicClock: () => performance.now()
  })
  const { insert } = databaseStore(db, TIMEOUT_MS, sealer)
  return async places => {
    while (places.next < places.end) {
      const first = places.next
      places.next = Math.min(places.end, first + ROWS_TOGETHER)
      const rows = Array.from({ length: places.next - first }, (_, index) => first + index)
      await insert(
        rows.map(place =>
          buildRecord(grownEvent(place), { process: 'bench', principal: null, ...rules, ...grownPlace(place) })
        )
      )
    }
  }
}

/** Verifies the last rows, as the verifier of a process does from where it stands. */
async function verifyLast(db: Knex, rows: number): Promise<void> {
  await db.transaction(
    async trx => {
      const prunings = await readPrunings(trx)
      const [end] = await trx('audit_seals').max<{ max: string }[]>('sequence')
      const sequence = Number(end?.max) - rows
      const seal = await trx('audit_seals').where({ sequence }).first<{ chain_hash: Buffer } | undefined>('chain_hash')
      const previous = seal?.chain_hash ?? GENESIS
      const range = prunings.ranges.length
      const progress = { sequence, previous, expected: undefined, prunings, range, beforeRange: GENESIS }
      for (let left = rows; left > 0; left -= VERIFIED_TOGETHER) {
        const { problem } = await verifyPage(trx, progress, Math.min(left, VERIFIED_TOGETHER))
        if (problem !== null) throw new Error(`the trail does not verify: ${problem}`)
      }
    },
    { isolationLevel: 'repeatable read', readOnly: true }
  )
}

async function cpuMicros(database: AuditedDatabase, run: () => Promise<unknown>): Promise<number> {
  const [cpu, databaseCpu] = [process.cpuUsage(), database.cpuMicros()]
  await run()
  const { user, system } = process.cpuUsage(cpu)
  return user + system + database.cpuMicros() - databaseCpu
}
