import auditLog, { sealNow, verifyChain } from '@sallyport/audit-log'
import type { AuditEvent } from '@sallyport/security-context'
import Fastify, { type FastifyInstance } from 'fastify'
import { buildRecord } from '../../plugins/audit-log/src/build-record.ts'
import { fieldClasses } from '../../plugins/audit-log/src/privacy/field-class.ts'
import { createJoinHash } from '../../plugins/audit-log/src/privacy/join-hash.ts'
import { statementsOf } from '../../plugins/audit-log/src/privacy/key-rows.ts'
import { createPersonalSealer } from '../../plugins/audit-log/src/privacy/seal-personal.ts'
import { contentHash, toColumns } from '../../plugins/audit-log/src/record.ts'
import { startAuditedDatabase, type AuditedDatabase } from './audit/audited-database.ts'
import { quantile, rounded } from './support/distribution.ts'
import type { Measured, Measurement } from './support/types.ts'

const ROUNDS = 5
const CONCURRENT = 64
/** Of a round, at 64 concurrent and one after the other. */
const ROWS = { grouped: 24_000, 'knex insert per row': 4000 }
const ROWS_ALONE = 300
const SEALED_ROWS = 60_000

type WriteRow = (event: AuditEvent) => Promise<void>
type CandidateName = keyof typeof ROWS

interface Load {
  readonly perSecond: number
  readonly medianMs: number
  readonly p99Ms: number
  readonly nodeMicros: number
  readonly databaseMicros: number
}

/** What a denied request of a known caller records: address and program are sealed under the key of the subject. */
const event = (id: number): AuditEvent => ({
  action: 'order.cancel',
  outcome: 'denied',
  reason: 'role-missing',
  subject: `user-${id % 1000}`,
  clientId: 'gateway',
  resource: { type: 'order', id: `order-${id}` },
  txn: `txn-${id}`,
  detail: {
    status: 403,
    method: 'POST',
    route: '/orders/:orderId/cancel',
    refusals: [{ stage: 'authorization' }],
    sourceAddress: `203.0.113.${id % 200}`,
    userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
  }
})

/**
 * Durable rows outside a transaction, beside an insert of knex for each of them. Both go through the same redaction,
 * sealing of personal values and hash, into the same table, from pools of ten connections, in turns. CPU is of this
 * process and of all processes of the database server.
 */
export const measurement: Measurement = async (log, { rounds = ROUNDS }) => {
  const database = await startAuditedDatabase()
  const fastify = Fastify()
  try {
    const candidates = await openCandidates(fastify, database)
    for (const [, write] of candidates) await load(database, write, 4000, CONCURRENT)
    const together: Record<CandidateName, Load[]> = { grouped: [], 'knex insert per row': [] }
    const alone: Record<CandidateName, Load[]> = { grouped: [], 'knex insert per row': [] }
    for (let round = 0; round < rounds; round++) {
      for (const [name, write] of round % 2 === 0 ? candidates : [...candidates].reverse()) {
        together[name].push(await load(database, write, ROWS[name], CONCURRENT))
        alone[name].push(await load(database, write, ROWS_ALONE, 1))
      }
      log(`round ${round + 1}: ${rounded(together.grouped.at(-1)?.perSecond ?? 0)} rows/s`)
    }
    return summary(together, alone, await sealAndVerify(fastify, database, log), rounds)
  } finally {
    await fastify.close()
    await database.close()
  }
}

async function openCandidates(
  fastify: FastifyInstance,
  { app }: AuditedDatabase
): Promise<ReadonlyArray<readonly [CandidateName, WriteRow]>> {
  fastify.decorateRequest('principal', null)
  await fastify.register(auditLog, { db: app, process: 'bench', sealer: false })
  await fastify.ready()
  const rules = { classify: fieldClasses(), joinHash: createJoinHash() }
  const context = { process: 'bench', ...rules, principal: null }
  const sealer = createPersonalSealer({
    joinHash: rules.joinHash,
    ring: [],
    dayKeysKeptMs: 86_400_000,
    cacheMs: 60_000,
    maxCachedKeys: 10_000,
    monotonicClock: () => performance.now()
  })
  const statements = statementsOf(app, 5000)
  const insertOne: WriteRow = async event => {
    const sealed = await sealer.seal([buildRecord(event, { ...context, now: new Date() })], statements)
    for (const record of sealed) {
      await app('audit_events').insert({ ...toColumns(record), content_hash: contentHash(record) })
    }
  }
  return [
    ['grouped', async event => fastify.auditSink.write(event)],
    ['knex insert per row', insertOne]
  ]
}

let written = 0
async function load(database: AuditedDatabase, write: WriteRow, rows: number, concurrent: number): Promise<Load> {
  const times: number[] = []
  let left = rows
  const [cpu, databaseCpu, startedAt] = [process.cpuUsage(), database.cpuMicros(), performance.now()]
  await Promise.all(
    Array.from({ length: concurrent }, async () => {
      while (left-- > 0) {
        const before = performance.now()
        await write(event(written++))
        times.push(performance.now() - before)
      }
    })
  )
  const seconds = (performance.now() - startedAt) / 1000
  const { user, system } = process.cpuUsage(cpu)
  return {
    perSecond: rows / seconds,
    medianMs: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
    nodeMicros: (user + system) / rows,
    databaseMicros: (database.cpuMicros() - databaseCpu) / rows
  }
}

interface SealingRates {
  readonly sealed: number
  readonly verified: number
}

/** Rows per second of CPU time, of both processes together: what one core does. */
async function sealAndVerify(
  fastify: FastifyInstance,
  database: AuditedDatabase,
  log: (line: string) => void
): Promise<SealingRates> {
  await sealNow(database.app, { timeoutMs: 60_000 })
  await database.owner.raw('vacuum analyze audit_events, audit_seals')
  await load(database, async each => fastify.auditSink.write(each), SEALED_ROWS, CONCURRENT)
  const sealed = await perCore(database, SEALED_ROWS, async () => sealNow(database.app, { timeoutMs: 60_000 }))
  const { count } = (await database.owner('audit_seals').count<{ count: string }[]>('* as count'))[0] ?? { count: '0' }
  const verified = await perCore(database, Number(count), async () => {
    const report = await verifyChain(database.app)
    if (!report.ok) throw new Error(`the trail does not verify: ${report.problem}`)
  })
  log(`sealed ${SEALED_ROWS} rows, verified ${count}`)
  return { sealed, verified }
}

async function perCore(database: AuditedDatabase, rows: number, run: () => Promise<unknown>): Promise<number> {
  const [cpu, databaseCpu] = [process.cpuUsage(), database.cpuMicros()]
  await run()
  const { user, system } = process.cpuUsage(cpu)
  return rows / ((user + system + database.cpuMicros() - databaseCpu) / 1e6)
}

function summary(
  together: Record<CandidateName, Load[]>,
  alone: Record<CandidateName, Load[]>,
  { sealed, verified }: SealingRates,
  rounds: number
): Measured {
  const middle = (loads: readonly Load[], of: (load: Load) => number): number => quantile(loads.map(of), 0.5)
  const ratio = (loads: typeof together, of: (load: Load) => number): number =>
    Math.round((middle(loads.grouped, of) / middle(loads['knex insert per row'], of)) * 1000) / 1000
  const cpu = (load: Load): number => load.nodeMicros + load.databaseMicros
  const row = (name: CandidateName): Record<string, number> => ({
    'rows/s at 64': rounded(middle(together[name], load => load.perSecond)),
    'p99 at 64 (ms)': rounded(middle(together[name], load => load.p99Ms)),
    'Node (µs)': rounded(middle(together[name], load => load.nodeMicros)),
    'PostgreSQL (µs)': rounded(middle(together[name], load => load.databaseMicros)),
    'median alone (ms)': Math.round(middle(alone[name], load => load.medianMs) * 1000) / 1000,
    'CPU alone (µs)': rounded(middle(alone[name], cpu))
  })
  return {
    rounds,
    values: { 'rows sealed per CPU second': rounded(sealed), 'rows verified per CPU second': rounded(verified) },
    candidates: { grouped: row('grouped'), 'knex insert per row': row('knex insert per row') },
    goals: {
      'durable rows per second at 64 ÷ knex': { value: ratio(together, l => l.perSecond), goal: 6, better: 'higher' },
      'p99 at 64 ÷ knex': { value: ratio(together, l => l.p99Ms), goal: 0.333, better: 'lower' },
      'CPU per row, Node + PostgreSQL, ÷ knex': { value: ratio(together, cpu), goal: 0.15, better: 'lower' },
      'latency one at a time ÷ knex': { value: ratio(alone, l => l.medianMs), goal: 1.15, better: 'lower' },
      'rows sealed per second and core': { value: rounded(sealed), goal: 30_000, better: 'higher' },
      'rows verified per second and core': { value: rounded(verified), goal: 30_000, better: 'higher' }
    }
  }
}
