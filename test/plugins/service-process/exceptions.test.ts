import { frozenClock } from '@sallyport/testing'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import securityContext, { problemDetails } from '@sallyport/security-context'
import type { ExceptionGroup, ExceptionSink } from '@sallyport/service-process'
import {
  trackExceptions,
  type ExceptionTracking
} from '../../../plugins/service-process/src/exceptions/track-exceptions.ts'
import { measured } from '../support/measured.ts'

const CANARY = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl'

async function failingApp(t: Test, tracking: Partial<ExceptionTracking> = {}) {
  const clock = frozenClock(Date.UTC(2026, 0, 1))
  const lines: Array<Record<string, unknown>> = []
  const reported: ExceptionGroup[] = []
  const app = Fastify({ logger: { stream: { write: line => lines.push(JSON.parse(line)) } } })
  t.after(async () => {
    await app.close()
  })
  await app.register(securityContext)
  await app.register(problemDetails)
  const sink: ExceptionSink = {
    report: group => {
      reported.push(group)
    }
  }
  const exceptions = trackExceptions(app, { release: '1.2.3+abc', sinks: [sink], clock, ...tracking })
  app.get('/orders/:orderId', async request => {
    throw new TypeError(`order ${(request.params as { orderId: string }).orderId} is odd: Bearer ${CANARY}`)
  })
  app.get('/other', async () => {
    throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
  })
  app.get('/refused', async () => {
    throw Object.assign(new Error('no'), { statusCode: 403 })
  })
  return { app, clock, exceptions, reported, lines }
}

t.test(
  'a failure is reported once in a window, with its release, when it was first and last seen, and how often',
  async t => {
    const { app, clock, reported, lines, exceptions } = await failingApp(t)
    for (const id of [1, 2, 3]) {
      await app.inject(`/orders/${id}`)
      clock.advance(1000)
    }
    t.match(reported, [
      {
        fingerprint: /^[0-9a-f]{16}$/,
        name: 'TypeError',
        code: null,
        release: '1.2.3+abc',
        count: 1,
        place: { origin: 'request', route: 'GET /orders/:orderId', traceId: /^[0-9a-f]{32}$/, requestId: String }
      }
    ])
    clock.advance(60_000)
    await app.inject('/orders/4')
    t.equal(reported.length, 2)
    t.match(reported[1], {
      fingerprint: reported[0]?.fingerprint,
      count: 4,
      sinceReport: 3,
      firstSeen: '2026-01-01T00:00:00.000Z',
      lastSeen: '2026-01-01T00:01:03.000Z'
    })
    t.equal(lines.filter(({ msg }) => msg === 'exception').length, 2, 'in the log too')
    t.equal(exceptions.groups().length, 1)
    t.same(await measured(app, 'sallyport_exceptions_total'), { request: 4, process: 0 })
    t.equal(await measured(app, 'sallyport_exception_groups'), 1)
  }
)

t.test('a refusal of a caller is no exception, and the latest failure comes first', async t => {
  const { app, exceptions } = await failingApp(t)
  for (const url of ['/refused', '/missing', '/other', '/orders/1', '/other']) await app.inject(url)
  t.strictSame(
    exceptions.groups().map(({ code, count }) => [code, count]),
    [
      ['ECONNREFUSED', 2],
      [null, 1]
    ]
  )
})

t.test('no secret of a message or a stack reaches a sink, the log or an operator', async t => {
  const { app, reported, lines, exceptions } = await failingApp(t)
  await app.inject('/orders/1')
  exceptions.note(Object.assign(new Error(`password=${CANARY}`), { stack: `Error\n    at ${CANARY} (x.js:1:1)` }), {
    origin: 'process'
  })
  const exceptionLines = lines.filter(({ msg }) => msg === 'exception')
  t.equal(reported.length, 2)
  for (const seen of [reported, exceptionLines, exceptions.groups()]) t.notMatch(JSON.stringify(seen), 'eyJzdWIi')
})

t.test('what was counted is reported at the end, and before it is forgotten', async t => {
  const { app, reported, exceptions } = await failingApp(t, { maxGroups: 2 })
  const note = (name: string): void => {
    exceptions.note(Object.assign(new Error('x'), { name }), { origin: 'process' })
  }
  for (const name of ['one', 'one', 'two', 'three']) note(name)
  t.strictSame(
    exceptions.groups().map(group => group.name),
    ['three', 'two'],
    'no more than are remembered'
  )
  t.match(reported, [{ name: 'one' }, { name: 'two' }, { name: 'three' }, { name: 'one', count: 2, sinceReport: 1 }])
  note('two')
  await app.close()
  t.match(reported.at(-1), { name: 'two', count: 2, sinceReport: 1 })
})

t.test('failures that are new each time are counted, and reported no more than so often in a window', async t => {
  const { clock, reported, exceptions } = await failingApp(t)
  for (let index = 0; index < 500; index++) {
    const word = [...String(index)].map(digit => 'abcdefghij'.charAt(Number(digit))).join('')
    exceptions.note(`no ${word}`, { origin: 'process' })
  }
  t.equal(reported.length, 200)
  t.equal(exceptions.size(), 200)
  t.same(exceptions.counts(), { request: 0, process: 500 })
  clock.advance(60_000)
  exceptions.note(new Error('another'), { origin: 'process' })
  t.ok(
    reported.some(({ message }) => message === 'another'),
    'in the next window again'
  )
})

t.test('what has no text, or texts without end, is an exception like any other', async t => {
  const { app, exceptions, reported } = await failingApp(t)
  const odd: unknown[] = [
    Object.create(null),
    {
      toString: () => {
        throw new Error('no text')
      }
    },
    Symbol('odd'),
    Object.assign(new Error('x'), { message: { toString: null }, name: 7 }),
    Object.assign(new Error('x'.repeat(1_000_000)), { name: 'N'.repeat(1_000_000), code: 'C'.repeat(1_000_000) })
  ]
  for (const thrown of odd) t.doesNotThrow(() => exceptions.note(thrown, { origin: 'process' }))
  app.get('/odd', async () => {
    throw Object.create(null)
  })
  t.equal((await app.inject('/odd')).statusCode, 500)
  t.equal((await app.inject('/other')).statusCode, 503, 'the process goes on')
  for (const group of reported) t.ok(JSON.stringify(group).length < 12_000, group.name.slice(0, 20))
  t.match(reported[4], { stack: /^ {4}at .*exceptions\.test/m }, 'a long message leaves the places')
})

t.test('a sink that fails is a line of the log; the request and the other sinks go on', async t => {
  const failing: ExceptionSink = {
    report: async () => {
      throw new Error('tracker is away')
    }
  }
  const reported: ExceptionGroup[] = []
  const { app, lines } = await failingApp(t, {
    sinks: [
      failing,
      {
        report: group => {
          reported.push(group)
        }
      }
    ]
  })
  t.equal((await app.inject('/other')).statusCode, 503)
  await new Promise(setImmediate)
  t.equal(reported.length, 1)
  t.match(
    lines.find(({ msg }) => msg === 'an exception could not be reported'),
    { err: { message: 'tracker is away' } }
  )
})
