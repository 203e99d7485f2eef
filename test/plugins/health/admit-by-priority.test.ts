import { Agent, request } from 'undici'
import { admitByPriority, type AdmissionLimits, type RequestPriority } from '@sallyport/health'
import { measurementsOf } from '@sallyport/security-context'
import securityContext from '@sallyport/security-context'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { until } from '../../support/edge.ts'

const PRIORITIES = ['login', 'read', 'write'] as const

/** An app whose handlers wait until they are released, under limits and a delay that the test sets. */
async function admitting(t: Test, limits: AdmissionLimits | null) {
  const now = { limits, delayMs: 0, holds: false }
  const held: Array<() => void> = []
  const waiting: Array<() => void> = []
  const told: string[] = []
  let sample: () => Promise<void> = async () => {}
  const stream = {
    write: (line: string) => {
      told.push((JSON.parse(line) as { msg: string }).msg)
    }
  }
  const app = Fastify({ logger: { level: 'info', stream }, forceCloseConnections: true, disableRequestLogging: true })
  t.after(() => app.close())
  await app.register(securityContext)
  await app.register(admitByPriority, {
    limits: () => now.limits,
    priorityOf: ({ url }) => PRIORITIES.find(priority => url.startsWith(`/${priority}`)) ?? 'read',
    readDelayMs: () => now.delayMs,
    startTimer: run => {
      held.push(run)
      if (!now.holds) for (const each of held.splice(0)) each()
      return { stop: () => {} }
    },
    schedule: run => {
      sample = run
      return { stop: () => {} }
    }
  })
  app.get('/*', async incoming => {
    if (incoming.url.endsWith('/wait')) await new Promise<void>(resolve => waiting.push(resolve))
    return 'ok'
  })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const dispatcher = new Agent()
  t.after(() => (dispatcher.destroyed ? undefined : dispatcher.destroy()))
  const ask = async (priority: RequestPriority, wait = false) => {
    const { statusCode, headers, body } = await request(`${url}/${priority}${wait ? '/wait' : ''}`, { dispatcher })
    return { status: statusCode, headers, body: await body.text() }
  }
  const measured = async (name: string) => {
    const value = await measurementsOf(app)
      .find(each => each.name === name)
      ?.read()
    return Array.isArray(value) ? Object.fromEntries(value.map(each => [each.labels['priority'], each.value])) : value
  }
  return {
    ask,
    url,
    dispatcher,
    held,
    now,
    waiting,
    told: () => told.filter(line => /overloaded/.test(line)),
    measured,
    sample: async () => await sample(),
    statuses: async () => await Promise.all(PRIORITIES.map(async priority => (await ask(priority)).status)),
    /** Starts requests that stay until they are released. */
    hold: async (count: number) => {
      const before = waiting.length
      const held = Array.from({ length: count }, async () => await ask('login', true))
      await until(() => waiting.length === before + count)
      return held
    }
  }
}

t.test('writes are shed at 70 % of the places, reads at 90 %, and logins when none is left', async t => {
  const { hold, statuses, measured, waiting } = await admitting(t, { maxPending: 10 })
  const held: Array<Promise<unknown>> = []
  for (const [more, expected] of [
    [6, [200, 200, 200]],
    [1, [200, 200, 503]],
    [1, [200, 200, 503]],
    [1, [200, 503, 503]],
    [1, [503, 503, 503]]
  ] as const) {
    held.push(...(await hold(more)))
    t.same(await statuses(), expected, `${held.length} under way`)
  }
  t.same(await measured('sallyport_requests_shed_by_priority_total'), { login: 1, read: 2, write: 4 })
  t.equal(await measured('sallyport_requests_admitted_pending'), 10)
  for (const release of waiting) release()
  await Promise.all(held)
  await until(async () => (await measured('sallyport_requests_admitted_pending')) === 0)
  t.same(await statuses(), [200, 200, 200])
})

t.test('a slow event loop sheds writes first, at twice the delay reads, at four times logins', async t => {
  const { now, sample, statuses, told } = await admitting(t, { maxEventLoopDelayMs: 50 })
  for (const [delayMs, expected] of [
    [50, [200, 200, 200]],
    [51, [200, 200, 503]],
    [100, [200, 200, 503]],
    [101, [200, 503, 503]],
    [200, [200, 503, 503]],
    [201, [503, 503, 503]],
    [0, [200, 200, 200]]
  ] as const) {
    now.delayMs = delayMs
    await sample()
    t.same(await statuses(), expected, `${delayMs} ms`)
  }
  t.same(told(), ['overloaded: requests are shed'])
  for (let quiet = 0; quiet < 30; quiet++) await sample()
  t.same(
    told(),
    ['overloaded: requests are shed', 'no longer overloaded'],
    'one line for the beginning, one for the end'
  )
})

t.test('what is shed is told when to try again, and costs nothing else', async t => {
  const { ask, now, sample } = await admitting(t, { maxEventLoopDelayMs: 1 })
  now.delayMs = 10
  await sample()
  const { status, headers, body } = await ask('write')
  t.same([status, headers['retry-after']], [503, '2'])
  t.match(headers['content-type'], 'application/problem+json')
  t.match(JSON.parse(body), { code: 'SALLYPORT_HEALTH_OVERLOADED', status: 503, requestId: headers['x-request-id'] })
})

t.test('a refusal is held back, so that who asks again at once costs little', async t => {
  const { ask, now, sample, held, url } = await admitting(t, { maxEventLoopDelayMs: 1 })
  now.delayMs = 10
  now.holds = true
  await sample()
  const one = ask('write')
  await until(() => held.length === 1)
  const client = new Agent()
  const left = request(`${url}/write`, { dispatcher: client }).catch(() => null)
  await until(() => held.length === 2)
  await client.destroy()
  await left
  for (const release of held) release()
  t.equal((await one).status, 503)
})

t.test('limits can change and go, and a client that leaves gives its place back', async t => {
  const { ask, now, hold, measured, statuses, dispatcher } = await admitting(t, { maxPending: 1 })
  const [held] = await hold(1)
  held?.catch(() => {})
  t.same(await statuses(), [503, 503, 503])
  now.limits = { maxPending: 100 }
  t.same(await statuses(), [200, 200, 200])
  now.limits = null
  t.equal((await ask('write')).status, 200)
  now.limits = { maxPending: 1 }
  t.same(await statuses(), [503, 503, 503])
  t.equal(await measured('sallyport_requests_admitted_pending'), 1)
  await dispatcher.destroy()
  await until(async () => (await measured('sallyport_requests_admitted_pending')) === 0)
})

t.test('by default what changes something is worth less than what reads', async t => {
  const app = Fastify()
  t.after(() => app.close())
  let sample = async (): Promise<void> => {}
  await app.register(admitByPriority, {
    limits: () => ({ maxEventLoopDelayMs: 1 }),
    readDelayMs: () => 2,
    startTimer: run => {
      run()
      return { stop: () => {} }
    },
    schedule: run => {
      sample = run
      return { stop: () => {} }
    }
  })
  app.all('/', async () => 'ok')
  await sample()
  const statuses: number[] = []
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'] as const) {
    statuses.push((await app.inject({ method, url: '/' })).statusCode)
  }
  t.same(statuses, [200, 200, 200, 503, 503, 503, 503])
})
