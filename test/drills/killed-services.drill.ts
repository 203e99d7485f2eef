// A sample of what `npm run soak -- kills` does at length: services are killed under load, and finish what they began.
import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { testDatabase } from '../support/database.ts'
import {
  halfDone,
  KILLABLE,
  settled,
  startKillableServices,
  wronglyRecorded,
  type Killable
} from '../support/killable-services.ts'
import { seededRandom } from '../support/seeded-random.ts'

const seed = Number(process.env['SALLYPORT_DRILL_SEED'] ?? randomInt(2 ** 31))
const random = seededRandom(seed)
/** Which service is killed after how many further requests of the load. */
const KILLS: ReadonlyArray<readonly [Killable, number]> = KILLABLE.map(name => [name, 3 + Math.floor(random() * 8)])

t.comment(`seed ${seed}: ${JSON.stringify(KILLS)}`)
t.test('services that are killed under load leave nothing half-done, without a client’s help', async t => {
  const services = await startKillableServices(
    async (name, prepare) => {
      const { url, db } = await testDatabase(t, `killed-${name}`, prepare)
      return {
        owner: db,
        appUrl: Object.assign(new URL(url), { username: 'test_killed_app', password: 'for-tests-only' }).href
      }
    },
    { SALLYPORT_UPSTREAM_TIMEOUT_MS: '500', SALLYPORT_RECOVERY_AGE_MS: '1000', SALLYPORT_RECOVERY_INTERVAL_MS: '100' }
  )
  t.after(services.close)
  const load = services.load(6)
  for (const [name, requests] of KILLS) {
    const from = services.progress()
    while (services.progress() < from + requests) await delay(2)
    await services.kill(name)
  }
  await load.stop()
  t.same(await settled(services, 60_000), [])
  t.same(await wronglyRecorded(services), [], 'each effect is recorded once')
  t.ok(
    Number((await services.owners['order-service']('orders').count())[0]?.count) > 7,
    'beside those of the demo there are orders'
  )
  t.same(await halfDone(services), [])
})
