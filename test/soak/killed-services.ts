import { randomBytes, randomInt } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startPostgres } from '@sallyport/local'
import type { Knex } from 'knex'
import { connect } from '../support/database.ts'
import { KILLABLE, settled, startKillableServices, wronglyRecorded } from '../support/killable-services.ts'
import type { Soak } from './types.ts'

const KILLS_OF_EACH = 20
const WORKERS = 16
/** Within this time of the end of the load nothing is half-done, with the default settings of recovery. */
const SETTLED_MS = 30_000

/** Each service is killed twenty times under load; then, with no client's help, what it began is finished. */
export const killedServices: Soak = async log => {
  const directory = fileURLToPath(new URL(`../../.sallyport/kills-${randomBytes(4).toString('hex')}`, import.meta.url))
  mkdirSync(directory, { recursive: true })
  const postgres = await startPostgres({ directory, keeper: true, settings: { max_connections: '100' } })
  const owners: Knex[] = []
  const admin = connect(postgres.url, 1)
  const services = await startKillableServices(async (name, prepare) => {
    const database = name.replaceAll('-', '_')
    await admin.raw('create database ??', [database])
    const owner = connect(Object.assign(new URL(postgres.url), { pathname: `/${database}` }).href, 3)
    owners.push(owner)
    await prepare(owner)
    return {
      owner,
      appUrl: Object.assign(new URL(postgres.url), {
        pathname: `/${database}`,
        username: 'test_killed_app',
        password: 'for-tests-only'
      }).href
    }
  })
  try {
    const load = services.load(WORKERS)
    for (let round = 0; round < KILLS_OF_EACH; round++) {
      for (const name of KILLABLE) {
        const until = services.progress() + 50 + randomInt(200)
        while (services.progress() < until) await new Promise(resolve => setTimeout(resolve, 1))
        await services.kill(name)
      }
      log(`${round + 1} kills of each, ${services.progress()} requests`)
    }
    await load.stop()
    const startedAt = performance.now()
    const broken = [...(await settled(services, SETTLED_MS)), ...(await wronglyRecorded(services))]
    const [counted] = await services.owners['order-service']('orders').count({ orders: '*' })
    const recovered = await services.owners['order-service']('audit_events')
      .where({ reason: 'recovered' })
      .count({ rows: '*' })
    return {
      counts: {
        kills: KILLS_OF_EACH * KILLABLE.length,
        requests: services.progress(),
        orders: Number(counted?.orders),
        'steps of orders that recovery took': Number(recovered[0]?.rows),
        'settled after ms': Math.round(performance.now() - startedAt)
      },
      broken
    }
  } finally {
    await services.close()
    for (const owner of [...owners, admin]) await owner.destroy()
    await postgres.stop()
    for (const path of [dirname(postgres.dataDirectory), directory]) rmSync(path, { recursive: true, force: true })
  }
}
