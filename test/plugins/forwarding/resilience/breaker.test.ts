import { connect } from 'node:net'
import t from 'tap'
import { until } from '../../../support/edge.ts'
import { sendMany, startGuarded } from './support/guarded-app.ts'
import { startTarget } from './support/killable-target.ts'

const BREAKER = { window: 4, minimumCalls: 4, openMs: 60_000 } as const
const STATE = 'sallyport_upstream_breaker_state'

t.test('a target that fails is not called any more: 503 with a time to wait, until a probe succeeds', async t => {
  const target = await startTarget(t)
  let status = 503
  target.answer = (_request, response) => response.writeHead(status).end()
  const { url, changes, events, measured } = await startGuarded(t, [target], {
    upstream: { breaker: { ...BREAKER, openMs: 1500 } }
  })
  t.same((await sendMany(url, { requests: 4, callers: 1 })).statuses, { 503: 4 })
  t.same(await measured(STATE), { 1: 2 })
  const refused = await fetch(`${url}/x`)
  t.same(
    [refused.status, ((await refused.json()) as { code: string }).code],
    [503, 'SALLYPORT_FORWARDING_UPSTREAM_UNAVAILABLE']
  )
  t.equal(refused.headers.get('retry-after'), '2')
  t.equal(target.paths.length, 4)
  t.same(
    events.map(({ reason }) => reason),
    ['upstream-unavailable']
  )
  status = 200
  await until(async () => (await fetch(`${url}/x`)).status === 200)
  t.same(changes, ['1 breaker open', '1 breaker half-open', '1 breaker closed'])
  t.same(await measured(STATE), { 1: 0 })
  t.same((await sendMany(url, { requests: 10, callers: 5 })).statuses, { 200: 10 })
})

t.test('another target takes over, and nobody sees an error where requests are repeated', async t => {
  const [a, b] = [await startTarget(t), await startTarget(t)]
  a.answer = (_request, response) => response.writeHead(503).end()
  const { url, changes } = await startGuarded(t, [a, b], {
    upstream: { breaker: BREAKER, retries: { burst: 50, backoffMs: 1 } }
  })
  t.same((await sendMany(url, { requests: 40, callers: 2 })).statuses, { 200: 40 })
  t.same(changes, ['1 breaker open'])
  t.ok(a.paths.length <= 6)
})

t.test('an answer that does not come in time is a failure, a client that leaves is none', async t => {
  const target = await startTarget(t)
  target.answer = () => {}
  const { app, url, measured } = await startGuarded(t, [target], {
    upstream: { breaker: BREAKER },
    route: { path: '/patient/*' }
  })
  const { port } = app.server.address() as { port: number }
  for (let left = 1; left <= 6; left++) {
    const client = connect(port, '127.0.0.1')
    client.write('GET /patient/x HTTP/1.1\r\nHost: a\r\n\r\n')
    await until(() => target.paths.length === left)
    client.destroy()
    await until(() => target.pending === 0)
  }
  t.same(await measured(STATE), { 1: 0 })
  const late = await startGuarded(t, [target], {
    upstream: { breaker: BREAKER },
    route: { timeouts: { headMs: 30, totalMs: 30 } }
  })
  t.same((await sendMany(late.url, { requests: 4, callers: 4 })).statuses, { 504: 4 })
  t.same(await late.measured(STATE), { 1: 2 })
  t.equal((await fetch(`${url}/nothing`)).status, 404)
})

t.test('500 is the service’s answer to one request, and opens nothing', async t => {
  const target = await startTarget(t)
  target.answer = (_request, response) => response.writeHead(500).end()
  const { url, changes } = await startGuarded(t, [target], { upstream: { breaker: BREAKER } })
  t.same((await sendMany(url, { requests: 12, callers: 2 })).statuses, { 500: 12 })
  t.same(changes, [])
})
