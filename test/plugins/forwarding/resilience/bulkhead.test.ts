import { connect } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { Bulkhead } from '../../../../plugins/forwarding/src/resilience/bulkhead.ts'
import { until } from '../../../support/edge.ts'
import { startGuarded } from './support/guarded-app.ts'
import { startTarget } from './support/killable-target.ts'

const WAITING = 'sallyport_upstream_requests_waiting'

/** Timers that end when the test says so. */
function manualTimers() {
  const running = new Set<() => void>()
  return {
    running,
    start: (run: () => void) => {
      running.add(run)
      return {
        stop: () => {
          running.delete(run)
        }
      }
    }
  }
}

t.test('so many come in, so many wait in their order, and all others are refused', async t => {
  const timers = manualTimers()
  const bulkhead = new Bulkhead({ maxPending: 2, maxQueued: 2, queueTimeoutMs: 100 }, timers.start)
  const said: string[] = []
  const enter = (name: string) =>
    bulkhead.enter({ admitted: () => said.push(`${name} in`), refused: () => said.push(`${name} out`) })
  const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map(enter)
  t.same(said.splice(0), ['a in', 'b in', 'e out'])
  e?.()
  a?.()
  a?.()
  t.same(said.splice(0), ['c in'], 'one place, however often it is given back')
  t.equal(timers.running.size, 1)
  for (const end of timers.running) end()
  t.same(said.splice(0), ['d out'], 'the wait was too long')
  d?.()
  b?.()
  c?.()
  t.same([bulkhead.waiting, bulkhead.refused], [0, 2])
  const [f, g, h] = ['f', 'g', 'h'].map(enter)
  t.same(said.splice(0), ['f in', 'g in'])
  h?.()
  f?.()
  g?.()
  t.same(said, [], 'who left the queue gets no place')
})

t.test('a guest that had its turn and leaves at once gives its place back', async t => {
  const bulkhead = new Bulkhead({ maxPending: 1, maxQueued: 2, queueTimeoutMs: 100 }, manualTimers().start)
  const said: string[] = []
  const first = bulkhead.enter({ admitted: () => said.push('first in'), refused: () => said.push('first out') })
  const hasty = bulkhead.enter({
    admitted: () => {
      said.push('hasty in')
      hasty()
    },
    refused: () => said.push('hasty out')
  })
  const last = bulkhead.enter({ admitted: () => said.push('last in'), refused: () => said.push('last out') })
  first()
  t.same(said.splice(0), ['first in', 'hasty in', 'last in'])
  last()
  bulkhead.enter({ admitted: () => said.push('next in'), refused: () => said.push('next out') })
  t.same(said, ['next in'])
})

t.test('requests that wait when the last target is closed take no place with them', async t => {
  const target = await startTarget(t)
  const answers: Array<(status: number) => void> = []
  target.answer = (_request, response) => {
    answers.push(status => response.writeHead(status).end('ok'))
  }
  const { url, measured } = await startGuarded(t, [target], {
    upstream: {
      bulkhead: { maxPending: 1, maxQueued: 3, queueTimeoutMs: 2000 },
      breaker: { window: 1, minimumCalls: 1, openMs: 50 }
    }
  })
  const first = fetch(`${url}/1`)
  await until(() => answers.length === 1)
  const waiting = ['2', '3', '4'].map(async path => (await fetch(`${url}/${path}`)).status)
  await until(async () => Object.values(await measured(WAITING)).at(0) === 3)
  answers.shift()?.(503)
  t.equal((await first).status, 503)
  t.same(await Promise.all(waiting), [503, 503, 503])
  t.same(target.paths, ['/1'], 'nothing was sent to it')
  await setTimeout(60)
  target.answer = (_request, response) => response.end('ok')
  t.equal((await fetch(`${url}/5`)).status, 200, 'there is a place')
})

t.test('a request without a place is 503 with a time to wait, at once or when it has waited', async t => {
  const target = await startTarget(t)
  const answers: Array<() => void> = []
  target.answer = (_request, response) => {
    answers.push(() => response.end('ok'))
  }
  for (const step of ['lean', 'ordinary'] as const) {
    const { url, events, measured } = await startGuarded(t, [target], {
      step,
      upstream: { bulkhead: { maxPending: 1, maxQueued: 1, queueTimeoutMs: 60_000 } }
    })
    const first = fetch(`${url}/1`)
    await until(() => answers.length === 1)
    const second = fetch(`${url}/2`)
    await until(async () => Object.values(await measured(WAITING)).at(0) === 1)
    const refused = await fetch(`${url}/3`)
    t.same([refused.status, refused.headers.get('retry-after')], [503, '1'], step)
    t.match(await refused.json(), { code: 'SALLYPORT_FORWARDING_UPSTREAM_BUSY' })
    t.same(
      events.map(({ reason }) => reason),
      ['upstream-busy']
    )
    t.same(await measured('sallyport_upstream_bulkhead_refusals_total'), { '': 1 })
    answers.shift()?.()
    t.equal(await (await first).text(), 'ok')
    await until(() => answers.length === 1)
    answers.shift()?.()
    t.equal(await (await second).text(), 'ok', 'it had its turn')
  }
  const impatient = await startGuarded(t, [target], {
    upstream: { bulkhead: { maxPending: 1, maxQueued: 1, queueTimeoutMs: 20 } }
  })
  const first = fetch(`${impatient.url}/1`)
  await until(() => answers.length === 1)
  t.equal((await fetch(`${impatient.url}/2`)).status, 503)
  answers.shift()?.()
  t.equal((await first).status, 200)
})

t.test('who leaves while waiting is never sent, and holds nobody up', async t => {
  const target = await startTarget(t)
  const answers: Array<() => void> = []
  target.answer = (_request, response) => {
    answers.push(() => response.end('ok'))
  }
  const { app, url, measured } = await startGuarded(t, [target], {
    upstream: { bulkhead: { maxPending: 1, maxQueued: 2, queueTimeoutMs: 60_000 } }
  })
  const waiting = async (): Promise<number> => Object.values(await measured(WAITING)).at(0) ?? 0
  const first = fetch(`${url}/1`)
  await until(() => answers.length === 1)
  const { port } = app.server.address() as { port: number }
  const client = connect(port, '127.0.0.1')
  client.write('GET /2 HTTP/1.1\r\nHost: a\r\n\r\n')
  await until(async () => (await waiting()) === 1)
  const third = fetch(`${url}/3`)
  await until(async () => (await waiting()) === 2)
  client.destroy()
  await until(async () => (await waiting()) === 1)
  answers.shift()?.()
  await first
  await until(() => answers.length === 1)
  answers.shift()?.()
  await third
  t.same(target.paths, ['/1', '/3'])
})
