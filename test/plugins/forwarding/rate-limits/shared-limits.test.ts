import { redisRateLimitStore, type RateLimitOptions, type RateLimitStore } from '@sallyport/forwarding'
import { measurementsOf } from '@sallyport/security-context'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { startRedis, WITHOUT_REDIS } from '../../../support/redis-server.ts'
import { until } from '../../../support/edge.ts'
import { ALICE, forwardingApp, plainRoute, startPlainService } from '../support/table-app.ts'

const LIMITS: Readonly<Record<string, RateLimitOptions>> = {
  local: { per: 'principal', requests: 4, windowSeconds: 3600 },
  open: { per: 'principal', requests: 4, windowSeconds: 3600, whenAway: 'open' },
  closed: { per: 'principal', requests: 4, windowSeconds: 3600, whenAway: 'closed' }
}

/** One of two gateways: a route for each of the limits. */
async function gatewayWith(t: Test, rateLimitStore: RateLimitStore): Promise<FastifyInstance> {
  const { origin } = await startPlainService(t)
  return await forwardingApp(t, {
    upstreams: { service: { origin } },
    rateLimits: LIMITS,
    routes: Object.keys(LIMITS).map(name => plainRoute({ path: `/${name}`, rateLimits: [name] })),
    rateLimitStore,
    rateLimitProcesses: 2
  })
}

async function statusOf(app: FastifyInstance, url: string, caller = ALICE): Promise<number> {
  return (await app.inject({ url, headers: caller })).statusCode
}

async function measured(app: FastifyInstance, name: string): Promise<unknown> {
  return await measurementsOf(app)
    .find(measurement => measurement.name === name)
    ?.read()
}

/** A caller of its own for each question, so that asking counts for nobody else. */
async function isAwayFor(app: FastifyInstance, caller: string): Promise<boolean> {
  return (await statusOf(app, '/closed', { 'x-caller': caller })) === 503
}

t.test(
  'two gateways share a quota; without Redis each limit says what holds, until it is back',
  { skip: WITHOUT_REDIS },
  async t => {
    const redis = await startRedis(t)
    const one = await gatewayWith(t, redisRateLimitStore({ command: await redis.connect() }))
    const other = await gatewayWith(t, redisRateLimitStore({ command: await redis.connect() }))
    const inTurn = [one, other, one, other, one, other]
    const codes: number[] = []
    for (const app of inTurn) codes.push(await statusOf(app, '/local'))
    t.strictSame(codes, [200, 200, 200, 200, 429, 429])
    t.strictSame(await measured(one, 'sallyport_rate_limited_requests_total'), [
      { labels: { limit: 'local' }, value: 1 }
    ])

    await redis.stop()
    await until(async () => await isAwayFor(one, 'nobody'))
    const outage: Record<string, number[]> = { local: [], open: [], closed: [] }
    for (const [name, seen] of Object.entries(outage)) {
      for (let at = 0; at < 5; at++) seen.push(await statusOf(one, `/${name}`))
    }
    t.strictSame(outage, {
      local: [200, 200, 429, 429, 429],
      open: [200, 200, 200, 200, 200],
      closed: [503, 503, 503, 503, 503]
    })
    const { headers, ...refused } = await one.inject({ url: '/closed', headers: ALICE })
    t.match(refused.json(), { code: 'SALLYPORT_FORWARDING_LIMITS_UNAVAILABLE' })
    t.equal(headers['retry-after'], '1')
    t.equal(await measured(one, 'sallyport_rate_limit_store_away'), 1)
    t.ok(Number(await measured(one, 'sallyport_rate_limit_store_failures_total')) > 0)

    await redis.startAgain()
    let asked = 0
    await until(async () => !(await isAwayFor(one, `asks-${asked++}`)))
    t.equal(await measured(one, 'sallyport_rate_limit_store_away'), 0)
    t.equal(await statusOf(one, '/closed'), 200, 'without a restart')
  }
)

t.test('a Redis that hangs delays one request for a bounded time, and no other', { skip: WITHOUT_REDIS }, async t => {
  const redis = await startRedis(t)
  const command = await redis.connect()
  let asked = 0
  const app = await gatewayWith(
    t,
    redisRateLimitStore({
      command: async args => {
        asked++
        return await command(args)
      }
    })
  )
  t.equal(await statusOf(app, '/closed'), 200)
  redis.signal('SIGSTOP')
  t.teardown(() => {
    redis.signal('SIGCONT')
  })
  t.equal(await statusOf(app, '/closed'), 503, 'it has waited, and not for long')
  const before = asked
  const codes = await Promise.all(Array.from({ length: 20 }, async () => await statusOf(app, '/closed')))
  t.ok(codes.every(code => code === 503))
  t.ok(asked - before <= 1, 'the others do not ask')
  redis.signal('SIGCONT')
  let caller = 0
  await until(async () => !(await isAwayFor(app, `asks-${caller++}`)))
})
