import t from 'tap'
import { until } from '../../../support/edge.ts'
import { sendMany, startGuarded } from './support/guarded-app.ts'
import { startTarget } from './support/killable-target.ts'

const HANG = (): void => {}

t.test('requests go where the fewest are under way, and in turn where that is the same', async t => {
  const [a, b, c] = [await startTarget(t), await startTarget(t), await startTarget(t)]
  const { url } = await startGuarded(t, [a, b, c])
  await sendMany(url, { requests: 9, callers: 1 })
  t.same([a.paths.length, b.paths.length, c.paths.length], [3, 3, 3])
  b.answer = HANG
  const waiting = [1, 2, 3].map(number => fetch(`${url}/wait-${number}`).catch(() => null))
  await until(() => b.pending === 1)
  const before = b.paths.length
  await sendMany(url, { requests: 10, callers: 1 })
  t.equal(b.paths.length, before, 'one that is slow gets no more')
  await b.kill()
  await Promise.all(waiting)
})

t.test('each target is called by its own name, and its redirects to itself stay at the app', async t => {
  const [a, b] = [await startTarget(t), await startTarget(t)]
  const hosts: unknown[] = []
  for (const target of [a, b]) {
    target.answer = (request, response) => {
      hosts.push(request.headers.host)
      response.writeHead(302, { location: `${target.origin}/there` }).end()
    }
  }
  for (const step of ['lean', 'ordinary'] as const) {
    const { url } = await startGuarded(t, [a, b], { step })
    for (let i = 0; i < 2; i++) {
      const { headers } = await fetch(`${url}/x`, { redirect: 'manual' })
      t.equal(headers.get('location'), '/there', step)
    }
  }
  t.same(hosts.toSorted(), [a, a, b, b].map(({ origin }) => new URL(origin).host).toSorted())
})

t.test('a canary gets its share, also when nothing is under way', async t => {
  const [stable, canary] = [await startTarget(t), await startTarget(t)]
  const { url } = await startGuarded(t, [stable, canary], { weights: [9, 1] })
  await sendMany(url, { requests: 50, callers: 1 })
  t.same([stable.paths.length, canary.paths.length], [45, 5])
  const none = await startGuarded(t, [stable, canary], { weights: [1, 0] })
  await sendMany(none.url, { requests: 5, callers: 1 })
  t.equal(canary.paths.length, 5, 'weight 0 gets none')
})

t.test(
  'a target that is killed under load costs no idempotent request, is left out, and is taken in again',
  async t => {
    const [a, b] = [await startTarget(t), await startTarget(t)]
    const { url, changes, measured } = await startGuarded(t, [a, b], {
      upstream: { retries: { burst: 100 }, ejection: { connectFailures: 2, durationMs: 300 } }
    })
    const load = sendMany(url, { requests: 400, callers: 8 })
    await until(() => a.paths.length > 20)
    await a.kill()
    t.same((await load).statuses, { 200: 400 })
    t.ok(changes.includes('1 ejected'))
    t.same(Object.keys(await measured('sallyport_upstream_target_ejections_total')), ['1', '2'])
    t.ok(((await measured('sallyport_upstream_target_ejections_total'))['1'] ?? 0) >= 1)
    await a.revive()
    const before = a.paths.length
    await until(async () => {
      await sendMany(url, { requests: 2, callers: 1 })
      return a.paths.length > before
    })
    t.pass('back in rotation')
  }
)

t.test('the last target that is left stays, however it fails', async t => {
  const [a, b] = [await startTarget(t), await startTarget(t)]
  for (const target of [a, b]) target.answer = (_request, response) => response.writeHead(500).end()
  const { url, changes } = await startGuarded(t, [a, b], {
    upstream: { ejection: { serverErrors: 2, durationMs: 60_000 } }
  })
  const { statuses } = await sendMany(url, { requests: 20, callers: 1 })
  t.same(statuses, { 500: 20 }, 'what the service says is passed on')
  t.equal(changes.length, 1)
  const [first] = changes
  t.match(first, / ejected$/)
  t.same([a.paths.length, b.paths.length].toSorted((x, y) => x - y).at(0), 2)
})

t.test('5xx count where the options say so, and only in a row', async t => {
  const [a, b] = [await startTarget(t), await startTarget(t)]
  let turn = 0
  a.answer = (_request, response) => response.writeHead(turn++ % 2 === 0 ? 503 : 200).end()
  const alternating = await startGuarded(t, [a, b], { upstream: { ejection: { serverErrors: 2 } } })
  await sendMany(alternating.url, { requests: 20, callers: 1 })
  t.same(alternating.changes, [])
  a.answer = (_request, response) => response.writeHead(503).end()
  const uncounted = await startGuarded(t, [a, b], { upstream: { ejection: {} } })
  await sendMany(uncounted.url, { requests: 20, callers: 1 })
  t.same(uncounted.changes, [])
})

t.test('health checks leave a target out before a request finds out, and take it in again', async t => {
  const [a, b] = [await startTarget(t), await startTarget(t)]
  let isWell = true
  const served: string[] = []
  // Looked at below: a check that is under way at the end would come after the test.
  const checks: boolean[] = []
  for (const target of [a, b]) {
    target.answer = (request, response) => {
      const isCheck = request.url === '/health/ready'
      if (!isCheck) served.push(target.origin)
      else checks.push('authorization' in request.headers)
      response.writeHead(isCheck && target === a && !isWell ? 503 : 200).end()
    }
  }
  const { url, changes, measured } = await startGuarded(t, [a, b], {
    upstream: { healthCheck: { path: '/health/ready', intervalMs: 10, timeoutMs: 1000, unhealthyAfter: 2 } }
  })
  isWell = false
  await until(() => changes.includes('1 unhealthy'))
  t.same(await measured('sallyport_upstream_target_available'), { 1: 0, 2: 1 })
  served.length = 0
  await sendMany(url, { requests: 6, callers: 2 })
  t.same(new Set(served), new Set([b.origin]))
  isWell = true
  await until(() => changes.includes('1 healthy'))
  t.same(await measured('sallyport_upstream_target_available'), { 1: 1, 2: 1 })
  served.length = 0
  await sendMany(url, { requests: 6, callers: 1 })
  t.equal(new Set(served).size, 2)
  t.same([...new Set(checks)], [false], 'no check has a credential')
})

t.test('when every health check fails, requests are sent all the same', async t => {
  const [a, b] = [await startTarget(t), await startTarget(t)]
  for (const target of [a, b]) {
    target.answer = (request, response) => response.writeHead(request.url === '/health' ? 404 : 200).end()
  }
  const { url, changes } = await startGuarded(t, [a, b], {
    upstream: { healthCheck: { path: '/health', intervalMs: 10 } }
  })
  await until(() => changes.length === 2)
  t.same((await sendMany(url, { requests: 4, callers: 1 })).statuses, { 200: 4 })
})

t.test('a check asks the port that it is told, and ends with the table', async t => {
  const [a, b, operations] = [await startTarget(t), await startTarget(t), await startTarget(t)]
  const healthCheck = { path: '/health/live', port: Number(new URL(operations.origin).port), intervalMs: 10 }
  const { app } = await startGuarded(t, [a, b], { upstream: { healthCheck } })
  await until(() => operations.paths.length > 3)
  t.same([a.paths, b.paths], [[], []])
  app.forwarding.replace({ upstreams: { service: { origin: a.origin } }, routes: [] })
  await until(() => operations.pending === 0)
  const asked = operations.paths.length
  await sendMany(a.origin, { requests: 20, callers: 1 })
  t.ok(operations.paths.length <= asked + 2, 'but for what was under way')
})
