import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import health, { type HealthOptions } from '@sallyport/health'
import securityContext from '@sallyport/security-context'
import { measured } from '../support/measured.ts'
import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'

const LOOPBACK = { host: '127.0.0.1', port: 0 } as const

async function start(
  t: import('tap').Test,
  options: HealthOptions = {},
  routes: (app: FastifyInstance) => void = () => {}
): Promise<{ app: FastifyInstance; probe: (name: string) => Promise<[number, unknown]> }> {
  const app = Fastify()
  t.after(async () => {
    await app.close()
  })
  await app.register(health, { listener: LOOPBACK, ...options })
  routes(app)
  await app.listen({ ...LOOPBACK })
  const origin = app.operations.listeningOrigin
  return {
    app,
    probe: async name =>
      fetch(`${origin}/health/${name}`).then(async response => [response.status, await response.json()])
  }
}

const OK: [number, unknown] = [200, { status: 'ok' }]
const UNAVAILABLE: [number, unknown] = [503, { status: 'unavailable' }]

t.test('a service that listens and whose checks pass is live, started and ready, on a listener of its own', async t => {
  const { app, probe } = await start(t, { checks: { database: async () => {} } })
  for (const name of ['live', 'startup', 'ready']) t.same(await probe(name), OK)
  t.not(app.operations.listeningOrigin, app.listeningOrigin)
  t.equal((await fetch(`${app.listeningOrigin}/health/live`)).status, 404, 'the main listener has no probes')
  t.equal((await fetch(`${app.operations.listeningOrigin}/other`)).status, 404)
})

t.test('P3: with a failing check it is alive and not ready, and nobody learns which check or why', async t => {
  let down = true
  const { probe } = await start(t, {
    checks: {
      canaryDatabase: async () => {
        if (down) throw new Error('canary password')
      },
      other: async () => {}
    }
  })
  t.same(await probe('live'), OK)
  t.same(await probe('startup'), OK)
  t.same(await probe('ready'), UNAVAILABLE)
  down = false
  t.same(await probe('ready'), OK, 'ready again without a restart')
})

t.test(
  'checks run in parallel, each with a deadline, and one that is under way is not started by another probe',
  async t => {
    const calls: string[] = []
    const together: (() => void)[] = []
    const meet = (name: string) => async () => {
      calls.push(name)
      await new Promise<void>(resolve => {
        together.push(resolve)
        if (together.length === 2) for (const go of together) go()
      })
    }
    const parallel = await start(t, { checks: { one: meet('one'), two: meet('two') } })
    t.same(await parallel.probe('ready'), OK, 'either waits for the other')

    let hung = 0
    const { probe } = await start(t, {
      checkTimeoutMs: 400,
      checks: {
        hangs: async () => {
          hung += 1
          await new Promise(() => {})
        },
        throws: () => {
          throw new Error('sync')
        }
      }
    })
    t.same(await Promise.all([probe('ready'), probe('ready')]), [UNAVAILABLE, UNAVAILABLE])
    for (let i = 0; i < 5; i++) t.same(await probe('ready'), UNAVAILABLE)
    t.equal(hung, 3, 'abandoned and started again, a bounded number of times')
  }
)

t.test('before the main listener listens it is alive, but neither started nor ready', async t => {
  const app = Fastify()
  t.after(async () => {
    await app.close()
  })
  await app.register(health, { listener: LOOPBACK })
  app.addHook('onReady', async () => {
    const status = async (name: string): Promise<number> =>
      (await fetch(`${app.operations.listeningOrigin}/health/${name}`)).status
    t.same([await status('live'), await status('startup'), await status('ready')], [200, 503, 503])
  })
  await app.listen({ ...LOOPBACK })
})

t.test('readiness fails from the beginning of the close, while what is under way is finished', async t => {
  const gate: { open?: () => void } = {}
  const entered = new Promise<void>(resolve => {
    gate.open = resolve
  })
  const finish: { now?: () => void } = {}
  const { app, probe } = await start(t, {}, app => {
    app.get('/slow', async () => {
      gate.open?.()
      await new Promise<void>(resolve => {
        finish.now = resolve
      })
      return { finished: true }
    })
  })
  const origin = app.operations.listeningOrigin
  const slow = fetch(`${app.listeningOrigin}/slow`)
  await entered
  t.same(await probe('ready'), OK)
  const closed = app.close()
  t.same(await probe('ready'), UNAVAILABLE)
  t.same(await probe('live'), OK, 'alive until the end')
  finish.now?.()
  const response = await slow
  t.same(await response.json(), { finished: true })
  await closed
  await t.rejects(fetch(`${origin}/health/live`), 'the operations listener closes last')
})

t.test('draining fails readiness while new requests are served, and lets connections close (N7)', async t => {
  const { app, probe } = await start(t, {}, app => {
    app.get('/', async () => ({}))
  })
  t.equal((await fetch(app.listeningOrigin)).headers.get('connection'), 'keep-alive')
  app.startDrain()
  t.same(await probe('ready'), UNAVAILABLE)
  const response = await fetch(app.listeningOrigin)
  t.equal(response.status, 200)
  t.equal(response.headers.get('connection'), 'close')
})

t.test('a close that begins while checks run makes the probe fail', async t => {
  const finish: { now?: () => void } = {}
  const { app, probe } = await start(t, {
    checks: {
      slow: async () =>
        new Promise<void>(resolve => {
          finish.now = resolve
        })
    }
  })
  const answer = probe('ready')
  while (finish.now === undefined) await new Promise(setImmediate)
  app.startDrain()
  finish.now()
  t.same(await answer, UNAVAILABLE)
})

t.test('a taken port is a boot failure that says so', async t => {
  const taken = createServer().listen(0, '127.0.0.1')
  t.after(() => {
    taken.close()
  })
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  const app = Fastify()
  t.after(async () => {
    await app.close()
  })
  await app.register(health, { listener: { host: '127.0.0.1', port } })
  await t.rejects(app.listen({ ...LOOPBACK }), {
    code: 'SALLYPORT_HEALTH_LISTENER',
    message: `The operations listener cannot listen on 127.0.0.1:${port}: the port is taken`
  })
})

t.test('without a listener the routes exist, for inject, and nothing listens', async t => {
  const app = Fastify()
  t.after(async () => {
    await app.close()
  })
  await app.register(health)
  await app.ready()
  t.equal((await app.operations.inject('/health/live')).statusCode, 200)
  t.equal(app.operations.server.listening, false)
})

t.test('what the last probe found out is measured, and measuring asks nothing', async t => {
  let asked = 0
  let down = false
  const app = Fastify()
  t.after(async () => {
    await app.close()
  })
  await app.register(securityContext)
  await app.register(health, {
    listener: LOOPBACK,
    checks: {
      database: async () => {
        asked++
        if (down) throw new Error('down')
      }
    }
  })
  const ready = async (): Promise<unknown> => [
    await measured(app, 'sallyport_ready'),
    await measured(app, 'sallyport_health_check_passing')
  ]
  t.same(await ready(), [0, {}], 'nobody has asked yet')
  await app.listen({ ...LOOPBACK })
  await app.operations.inject('/health/ready')
  t.same(await ready(), [1, { database: 1 }])
  down = true
  await app.operations.inject('/health/ready')
  t.same(await ready(), [0, { database: 0 }])
  t.equal(asked, 2)
  down = false
  await app.operations.inject('/health/ready')
  app.startDrain()
  t.same(await ready(), [0, { database: 1 }], 'a process that ends is not ready, whatever its checks said')
})

t.test(
  'a report names every check with its time, and never why it failed; the process that ends asks none',
  async t => {
    const { app } = await start(t, {
      checks: {
        database: async () => {},
        keys: async () => {
          throw new Error('canary password')
        }
      }
    })
    const report = await app.healthReport()
    t.match(report, {
      started: true,
      draining: false,
      ready: false,
      checks: [
        { name: 'database', passed: true, durationMs: Number },
        { name: 'keys', passed: false, durationMs: Number }
      ]
    })
    t.notMatch(JSON.stringify(report), 'canary')
    app.startDrain()
    t.match(await app.healthReport(), { draining: true, ready: false, checks: [] })
  }
)
