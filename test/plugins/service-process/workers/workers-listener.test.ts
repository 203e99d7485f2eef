import Fastify from 'fastify'
import t from 'tap'
import type { MetricSnapshot } from '../../../../plugins/service-process/src/workers/merge-metrics.ts'
import type { WorkerHandle } from '../../../../plugins/service-process/src/workers/worker-handle.ts'
import type {
  OperatorAnswer,
  OperatorQuestion
} from '../../../../plugins/service-process/src/workers/worker-messages.ts'
import { WorkerTotals } from '../../../../plugins/service-process/src/workers/worker-totals.ts'
import { createWorkersListener } from '../../../../plugins/service-process/src/workers/workers-listener.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const counted = (value: number): MetricSnapshot[] => [
  { name: 'requests_total', help: 'Requests', type: 'counter', values: [{ labels: {}, value }] }
]

/** Workers that answer with these statuses; `null` does not answer. */
function listenerBefore(t: { after: (end: () => Promise<void>) => void }, statuses: ReadonlyArray<number | null>) {
  const asked: OperatorQuestion[] = []
  const state = { isEnding: false, wanted: statuses.length }
  const workers = statuses.map((status, at): WorkerHandle => {
    const answer: OperatorAnswer | null = status === null ? null : { status, headers: JSON_TYPE, body: `{"of":${at}}` }
    return {
      ...{ id: at + 1, slot: at + 1, pid: 0, ready: Promise.resolve(''), isReady: () => true },
      ended: new Promise(() => {}),
      tell: () => {},
      signal: () => {},
      ask: async question => {
        asked.push(question)
        return answer
      },
      readMetrics: async () => (status === null ? null : counted(status))
    }
  })
  const crew = {
    get wanted() {
      return state.wanted
    },
    restarts: 3,
    ready: () => workers,
    all: () => workers,
    totals: new WorkerTotals()
  }
  const { log } = Fastify()
  const parts = { name: 'gateway', crew, log, tls: null, host: '127.0.0.1', isEnding: () => state.isEnding }
  const app = createWorkersListener(parts)
  t.after(() => app.close())
  const statusOf = async (url: string): Promise<number> => (await app.inject(url)).statusCode
  return { app, asked, state, statusOf }
}

t.test('several workers are ready when half of them are, and never once they are told to end', async t => {
  for (const [statuses, expected] of [
    [[200, 200], 200],
    [[200, 503], 200],
    [[503, 503], 503],
    [[200, null, 503], 503],
    [[200, 200, null], 200]
  ] as const) {
    const { statusOf, state } = listenerBefore(t, statuses)
    t.equal(await statusOf('/health/ready'), expected, String(statuses))
    t.equal(await statusOf('/health/live'), 200)
    state.isEnding = true
    t.equal(await statusOf('/health/ready'), 503)
  }
})

t.test('the process has started when all of its workers have, and stays started', async t => {
  const { statusOf, state } = listenerBefore(t, [200])
  state.wanted = 2
  t.equal(await statusOf('/health/startup'), 503)
  state.wanted = 1
  t.equal(await statusOf('/health/startup'), 200)
  state.wanted = 2
  t.equal(await statusOf('/health/startup'), 200)
})

t.test('metrics are those of all workers, with what the supervisor knows', async t => {
  const { app } = listenerBefore(t, [2, 40, null])
  const { headers, body } = await app.inject('/metrics')
  t.match(headers['content-type'], /^text\/plain; version=0\.0\.4/)
  for (const line of [
    'requests_total 42',
    'sallyport_workers{state="wanted",process="gateway"} 3',
    'sallyport_workers{state="ready",process="gateway"} 3',
    'sallyport_worker_restarts_total{process="gateway"} 3'
  ]) {
    t.ok(body.split('\n').includes(line), line)
  }
})

t.test('one worker is asked what it knows, and all are told what is to change', async t => {
  const { app, asked } = listenerBefore(t, [200, 200])
  const read = await app.inject({ url: '/operator/settings?x=1', headers: { authorization: 'Bearer a', cookie: 'no' } })
  t.same([read.statusCode, read.body], [200, '{"of":0}'])
  t.same(asked, [{ method: 'GET', url: '/operator/settings?x=1', headers: { authorization: 'Bearer a' }, body: null }])
  asked.length = 0
  const change = { method: 'PUT', url: '/operator/log-level', payload: { level: 'debug' } } as const
  t.equal((await app.inject(change)).statusCode, 200)
  t.same(
    asked.map(({ method, body }) => [method, body]),
    [
      ['PUT', '{"level":"debug"}'],
      ['PUT', '{"level":"debug"}']
    ]
  )
  const refused = listenerBefore(t, [200, 403])
  t.equal((await refused.app.inject(change)).statusCode, 403, 'a refusal says more')
  const away = listenerBefore(t, [200, null])
  t.equal((await away.app.inject(change)).statusCode, 503, 'it did not reach all')
  t.equal((await listenerBefore(t, []).app.inject('/info')).statusCode, 503)
  const other = listenerBefore(t, [200])
  t.equal((await other.app.inject({ method: 'DELETE', url: '/operator/log-level' })).statusCode, 404)
  t.same(other.asked, [], 'a method that no worker has is asked of none')
})
