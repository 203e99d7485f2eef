import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startPostgres } from '@sallyport/local'
import { migrate } from '@sallyport/reference-gateway'
import { connect } from '../support/database.ts'
import { startRedis, WITHOUT_REDIS } from '../support/redis-server.ts'
import { DISTURBANCES, startStormyGateways, type Disturbance } from '../support/session-storm.ts'
import type { Soak } from './types.ts'

const ROUNDS = 5
const REQUESTS = 200
/** How often the issuer may redeem: an answer that is cut has been redeemed once already. */
const REDEMPTIONS: Readonly<Record<Disturbance, number>> = {
  nothing: 1,
  'holder-stopped': 1,
  'request-cut': 1,
  'answer-cut': 2,
  'holder-killed': 1
}

/** Every store, and everything that goes wrong: one refresh, no 401, and the session is there afterwards. */
export const storedSessions: Soak = async log => {
  const closing: Array<() => unknown> = []
  const counts: Record<string, number> = { storms: 0, requests: 0, 'requests answered 503': 0 }
  const broken: string[] = []
  const count = (name: string, more: number): void => {
    counts[name] = (counts[name] ?? 0) + more
  }
  try {
    for (const [store, settings] of Object.entries(await startStores(close => closing.unshift(close)))) {
      const gateways = await startStormyGateways(settings)
      closing.unshift(gateways.close)
      for (const disturbance of Object.keys(DISTURBANCES) as Disturbance[]) {
        for (let round = 0; round < ROUNDS; round++) {
          const { statuses, redemptions, isAlive } = await gateways.storm(disturbance, REQUESTS)
          const what = `${store}, ${disturbance}`
          count('storms', 1)
          count('requests', REQUESTS)
          count('requests answered 503', statuses[503] ?? 0)
          if (statuses[401] !== undefined) broken.push(`${what}: ${statuses[401]} answers were 401`)
          if (redemptions !== REDEMPTIONS[disturbance]) broken.push(`${what}: ${redemptions} refreshes at the issuer`)
          if (!isAlive) broken.push(`${what}: the session is over`)
        }
        log(`${store}: ${DISTURBANCES[disturbance]}`)
      }
    }
    return { counts, broken }
  } finally {
    for (const close of closing) await close()
  }
}

async function startStores(after: (close: () => unknown) => void): Promise<Record<string, Record<string, string>>> {
  const directory = fileURLToPath(
    new URL(`../../.sallyport/sessions-${randomBytes(4).toString('hex')}`, import.meta.url)
  )
  mkdirSync(directory, { recursive: true })
  const postgres = await startPostgres({ directory, keeper: true })
  after(async () => {
    await postgres.stop()
    for (const path of [dirname(postgres.dataDirectory), directory]) rmSync(path, { recursive: true, force: true })
  })
  const password = randomBytes(18).toString('hex')
  const db = connect(postgres.url, 2)
  await db.raw(`create role sallyport_app login password '${password}'`)
  await migrate(db, { appRole: 'sallyport_app', prunerRole: 'sallyport_app' })
  await db.destroy()
  const url = Object.assign(new URL(postgres.url), { username: 'sallyport_app', password })
  const stores: Record<string, Record<string, string>> = {
    PostgreSQL: { SALLYPORT_SESSION_STORE: 'postgres', DATABASE_URL: url.href }
  }
  if (WITHOUT_REDIS !== false) return stores
  const redis = await startRedis({ after })
  return { ...stores, Redis: { SALLYPORT_SESSION_STORE: 'redis', SALLYPORT_REDIS_URL: redis.url } }
}
