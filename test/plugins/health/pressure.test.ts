import health, { openPressureMeter, type Pressure, type PressureOptions } from '@sallyport/health'
import securityContext, { problemDetails } from '@sallyport/security-context'
import { measured } from '../support/measured.ts'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import t, { type Test } from 'tap'

const LOAD: Pressure = { eventLoopDelay: 0, eventLoopUtilization: 0, heapUsedBytes: 0, rssBytes: 0 }
const THRESHOLDS = {
  maxEventLoopDelayMs: 500,
  maxEventLoopUtilization: 0.98,
  maxHeapUsedBytes: 1000,
  maxRssBytes: 2000
}

/** An app whose load the test decides: `measure` is the next sample. */
async function start(
  t: Test,
  logger: FastifyServerOptions['logger'] = false,
  more: Partial<PressureOptions> = {}
): Promise<{ app: FastifyInstance; measure: (load: Partial<Pressure>) => Promise<void> }> {
  const app = Fastify({ logger })
  t.after(async () => {
    await app.close()
  })
  await app.register(securityContext)
  await app.register(problemDetails)
  let load = LOAD
  let sample = async (): Promise<void> => {}
  await app.register(health, {
    listener: { host: '127.0.0.1', port: 0 },
    pressure: {
      ...THRESHOLDS,
      retryAfterSeconds: 7,
      meter: { read: () => load },
      schedule: run => {
        sample = run
        return { stop: () => {} }
      },
      ...more
    }
  })
  app.get('/', async () => ({ served: true }))
  app.get('/vital', { config: { pressureHandler: () => {} } }, async () => ({ served: true }))
  app.get(
    '/degraded',
    {
      config: {
        pressureHandler: (_request, reply, type) => {
          void reply.code(203)
          return { degraded: type }
        }
      }
    },
    async () => ({ served: true })
  )
  await app.listen({ host: '127.0.0.1', port: 0 })
  return {
    app,
    measure: async next => {
      load = { ...LOAD, ...next }
      await sample()
    }
  }
}

async function overloaded(t: Test): Promise<FastifyInstance> {
  const { app, measure } = await start(t)
  await measure({ heapUsedBytes: 1001 })
  return app
}

t.test('above a threshold requests are shed with 503 and Retry-After, as Problem Details', async t => {
  const app = await overloaded(t)
  const response = await app.inject('/')
  t.equal(response.statusCode, 503)
  t.equal(response.headers['retry-after'], '7')
  t.same(response.json(), {
    type: 'about:blank',
    title: 'The service is overloaded',
    status: 503,
    code: 'SALLYPORT_HEALTH_OVERLOADED',
    requestId: 'req-1'
  })
})

t.test('thresholds that change are those of the next measurement, in place of the ones beside them', async t => {
  let maxHeapUsedBytes = 5000
  const { app, measure } = await start(t, false, { thresholds: () => ({ maxHeapUsedBytes }) })
  const load = { heapUsedBytes: 4000, eventLoopDelay: 10_000 }
  await measure(load)
  t.equal((await app.inject('/')).statusCode, 200)
  maxHeapUsedBytes = 3000
  t.equal((await app.inject('/')).statusCode, 200)
  await measure(load)
  t.equal((await app.inject('/')).statusCode, 503)
  maxHeapUsedBytes = 5000
  await measure(load)
  t.equal((await app.inject('/')).statusCode, 200)
})

t.test('a flood that is shed is two lines in the log, its beginning and its end with the count', async t => {
  const lines: Array<{ level: number; msg: string; shed?: number; type?: string }> = []
  const { app, measure } = await start(t, {
    level: 'info',
    stream: {
      write: (line: string) => {
        lines.push(JSON.parse(line))
      }
    }
  })
  lines.length = 0
  await measure({ eventLoopDelay: 501 })
  for (let n = 0; n < 20; n++) await app.inject('/')
  await measure({})
  const told = lines.filter(({ msg }) => !/incoming request|request completed/.test(msg))
  t.match(told, [
    { msg: 'overloaded: requests are shed', type: 'eventLoopDelay' },
    { msg: 'no longer overloaded', shed: 20 }
  ])
  t.equal(told.length, 2)
})

t.test("a route's own pressure handler decides for it", async t => {
  const app = await overloaded(t)
  t.same((await app.inject('/vital')).json(), { served: true })
  const degraded = await app.inject('/degraded')
  t.same([degraded.statusCode, degraded.json()], [203, { degraded: 'heapUsedBytes' }])
})

t.test('the probes are not shed', async t => {
  const app = await overloaded(t)
  t.equal((await fetch(`${app.operations.listeningOrigin}/health/ready`)).status, 200)
})

t.test('each threshold sheds above it and not at it, and the next sample below ends it', async t => {
  const { app, measure } = await start(t)
  const status = async (): Promise<number> => (await app.inject('/')).statusCode
  t.equal(await status(), 200, 'before the first sample')
  const limits: Array<[Partial<Pressure>, Partial<Pressure>]> = [
    [{ eventLoopDelay: 501 }, { eventLoopDelay: 500 }],
    [{ eventLoopUtilization: 0.99 }, { eventLoopUtilization: 0.98 }],
    [{ heapUsedBytes: 1001 }, { heapUsedBytes: 1000 }],
    [{ rssBytes: 2001 }, { rssBytes: 2000 }]
  ]
  for (const [above, at] of limits) {
    await measure(above)
    t.equal(await status(), 503, JSON.stringify(above))
    await measure(at)
    t.equal(await status(), 200, JSON.stringify(at))
  }
})

t.test('a meter without a sample yet measures no delay, so that a long boot sheds nothing', async t => {
  const app = Fastify()
  t.after(async () => {
    await app.close()
  })
  let delay = Number.POSITIVE_INFINITY
  const usage = { eventLoopUtilized: 0.5, heapUsed: 10, rssBytes: 20 }
  app.decorate('memoryUsage', () => ({ ...usage, eventLoopDelay: delay }))
  const meter = await openPressureMeter(app, 1000)
  t.same(meter.read(), { eventLoopDelay: 0, eventLoopUtilization: 0.5, heapUsedBytes: 10, rssBytes: 20 })
  delay = 501
  t.equal(meter.read().eventLoopDelay, 501)
})

t.test('what is measured is this process', async t => {
  const app = Fastify()
  t.after(async () => {
    await app.close()
  })
  const meter = await openPressureMeter(app, 10)
  while (meter.read().rssBytes === 0) await new Promise(resolve => setImmediate(resolve))
  const { eventLoopDelay, eventLoopUtilization, heapUsedBytes, rssBytes } = meter.read()
  t.ok(eventLoopDelay >= 0 && eventLoopUtilization > 0 && eventLoopUtilization <= 1)
  t.ok(heapUsedBytes > 1_000_000 && rssBytes > heapUsedBytes)
})

t.test('the load that shedding compares is measured, and how much was shed because of what', async t => {
  const { app, measure } = await start(t)
  await measure({ eventLoopDelay: 501, eventLoopUtilization: 0.5 })
  for (const url of ['/', '/', '/vital']) await app.inject(url)
  await measure({ rssBytes: 2001 })
  await app.inject('/')
  t.same(await measured(app, 'sallyport_requests_shed_total'), { eventLoopDelay: 2, rssBytes: 1 })
  await measure({ eventLoopDelay: 20, eventLoopUtilization: 0.25 })
  t.equal(await measured(app, 'sallyport_event_loop_delay_seconds'), 0.02)
  t.equal(await measured(app, 'sallyport_event_loop_utilization_ratio'), 0.25)
})
