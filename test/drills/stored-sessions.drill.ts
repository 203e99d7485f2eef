// A sample of what `npm run soak -- sessions` does at length: a session of three gateways expires while something goes
// wrong, at an issuer that ends a session whose refresh token comes twice.
import t, { type Test } from 'tap'
import { gatewayDatabase } from '../support/edge.ts'
import { startRedis, WITHOUT_REDIS } from '../support/redis-server.ts'
import { DISTURBANCES, startStormyGateways, type Disturbance } from '../support/session-storm.ts'

const REQUESTS = 200

async function weather(t: Test, store: Readonly<Record<string, string>>, disturbances: readonly Disturbance[]) {
  const gateways = await startStormyGateways(store)
  t.after(gateways.close)
  for (const disturbance of disturbances) {
    const { statuses, redemptions, isAlive } = await gateways.storm(disturbance, REQUESTS)
    t.comment(`${DISTURBANCES[disturbance]}: ${JSON.stringify(statuses)}`)
    t.equal(statuses[401], undefined, disturbance)
    t.equal(redemptions, 1, disturbance)
    t.ok(isAlive, disturbance)
  }
}

t.test('S-17: a session in PostgreSQL is refreshed once, also when its holder is stopped or killed', async t => {
  const { appUrl } = await gatewayDatabase(t)
  const store = { SALLYPORT_SESSION_STORE: 'postgres', DATABASE_URL: appUrl }
  await weather(t, store, ['nothing', 'holder-stopped', 'holder-killed'])
})

t.test('S-17: so is one in Redis', { skip: WITHOUT_REDIS }, async t => {
  const { url } = await startRedis(t)
  const store = { SALLYPORT_SESSION_STORE: 'redis', SALLYPORT_REDIS_URL: url }
  await weather(t, store, ['holder-stopped', 'request-cut'])
})
