// The trail of a process, followed as it grows and taken away whole, over a real listener.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { checkpointSigner, checkpointVerifier } from '@sallyport/audit-log'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { tailTrail } from '../../../plugins/audit-log/src/command/read-commands.ts'
import { createLiveReaders, LONGEST_HOLD_MS } from '../../../plugins/audit-log/src/live/live-readers.ts'
import { insertRecords } from '../../../plugins/audit-log/src/store.ts'
import { verifyExport } from '../../../plugins/audit-log/src/verify-export.ts'
import { sampleRecord } from '../../support/sample-record.ts'
import { auditDatabase, buildApp, rowsOf, type AuditDatabase } from './support/audited-app.ts'

const SEED = randomBytes(32)
const ORIGIN = 'orders.example.com/audit'
const VERIFIERS = [checkpointVerifier(checkpointSigner(ORIGIN, SEED))]

interface Served extends AuditDatabase {
  readonly fastify: FastifyInstance
  readonly url: string
  readonly write: (...actions: readonly string[]) => Promise<void>
}

async function served(t: Test): Promise<Served> {
  const database = await auditDatabase(t)
  const fastify = await buildApp(
    t,
    {
      db: database.app,
      sealer: {},
      schedule: () => ({ stop: () => {} }),
      checkpoints: { origin: ORIGIN, keys: [SEED] },
      route: { path: '/audit', access: 'authenticated', liveIntervalMs: 10 }
    },
    () => {}
  )
  const url = await fastify.listen({ port: 0, host: '127.0.0.1' })
  const write = async (...actions: readonly string[]): Promise<void> => {
    for (const action of actions) await fastify.auditSink.write({ action, outcome: 'success', subject: 'user-1' })
    await fastify.sealAudit()
  }
  return { ...database, fastify, url, write }
}

const READER = { 'x-test-subject': 'auditor-1' }

interface Following {
  readonly status: number
  readonly type: string | null
  /** The next event, as its id and its action. */
  readonly next: () => Promise<string>
  readonly stop: () => void
}

async function follow({ url }: Served, query = '', headers: Record<string, string> = {}): Promise<Following> {
  const stopping = new AbortController()
  const answer = await fetch(`${url}/audit/live${query}`, {
    headers: { ...READER, ...headers },
    signal: stopping.signal
  })
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  return {
    status: answer.status,
    type: answer.headers.get('content-type'),
    next: async () => {
      for (;;) {
        const [, id, data, rest] = /id: (\d+)\nevent: audit\ndata: (.*)\n\n([^]*)/.exec(text) ?? []
        if (id !== undefined && data !== undefined && rest !== undefined) {
          text = rest
          return `${id} ${(JSON.parse(data) as { action: string }).action}`
        }
        const { done, value } = (await reader?.read()) ?? { done: true, value: undefined }
        if (done) return 'end'
        text += value ?? ''
      }
    },
    stop: () => {
      stopping.abort()
    }
  }
}

t.test('rows come as they are sealed, by their filters, and following is recorded once', async t => {
  const app = await served(t)
  await app.write('before')
  const all = await follow(app)
  t.match(all, { status: 200, type: 'text/event-stream' })
  const some = await follow(app, '?action=two&after=0')
  await app.write('one', 'two')
  t.equal(await all.next(), '2 audit.follow')
  t.equal(await all.next(), '3 audit.follow')
  t.equal(await all.next(), '4 one')
  t.equal(await all.next(), '5 two')
  t.equal(await some.next(), '5 two')
  all.stop()
  some.stop()
  const again = await follow(app, '', { 'last-event-id': '4' })
  t.equal(await again.next(), '5 two', 'who comes back misses nothing')
  again.stop()
  const follows = (await rowsOf(app.superuser)).filter(({ action }) => action === 'audit.follow')
  t.equal(follows.length, 3)
  const followed = follows.map(({ detail }) => detail.asked)
  t.match(followed, [{}, { action: 'two', after: 0 }, { after: 4 }], 'with what was asked for')
})

t.test('a tail on the command line misses no row that is sealed while it looks for the last ones', async t => {
  const { app: db, appUrl, write } = await served(t)
  await write('other')
  const stopping = new AbortController()
  const pool: { acquireConnection: () => Promise<unknown> } = db.client
  const acquire = pool.acquireConnection.bind(pool)
  let [hasLooked, connections] = [false, 0]
  db.on('query-response', (_rows: unknown, { sql }: { sql: string }) => {
    hasLooked ||= sql.includes('audit_spans')
  })
  pool.acquireConnection = async () => {
    if (hasLooked && ++connections === 1) await write('looked.for')
    if (connections > 9) stopping.abort()
    return await acquire()
  }
  const shown: string[] = []
  const out = (text: string): void => {
    shown.push(text)
    stopping.abort()
  }
  const terminal = { out, error: () => {}, signal: stopping.signal }
  await tailTrail(db, { action: 'looked.for' }, terminal, { DATABASE_URL: appUrl })
  t.match(shown, [/looked\.for/])
})

t.test('a stream ends with the app, and with what the database does not answer', async t => {
  const app = await served(t)
  const following = await follow(app)
  await app.fastify.close()
  t.equal(await following.next(), 'end')
})

t.test('a stream takes no page, no misspelt filter, and not more callers than the process lets', async t => {
  const app = await served(t)
  for (const query of ['?limit=5', '?order=newest', '?subjct=a', '?after=x']) {
    t.equal((await follow(app, query)).status, 400, query)
  }
  const open = await Promise.all(Array.from({ length: 32 }, async () => await follow(app)))
  const answer = await fetch(`${app.url}/audit/live`, { headers: READER })
  t.match(
    { status: answer.status, after: answer.headers.get('retry-after'), ...((await answer.json()) as object) },
    {
      status: 503,
      after: /^\d+$/,
      code: 'SALLYPORT_AUDIT_STREAMS_FULL'
    }
  )
  for (const { stop } of open) stop()
})

t.test('who takes nothing of what waits for him loses his place, and an end is an end for him too', async t => {
  const clock = { nowMs: 0 }
  const looks: (() => Promise<void>)[] = []
  const readers = createLiveReaders({
    most: 2,
    monotonicClock: () => clock.nowMs,
    schedule: run => {
      looks.push(run)
      return { stop: () => {} }
    }
  })
  async function* texts(): AsyncGenerator<string> {
    for (;;) yield 'a row'
  }
  const open = (): { readonly events: Readable; readonly leaving: AbortController } => {
    const leaving = new AbortController()
    return { events: readers.open(texts(), leaving), leaving }
  }
  const [idle, busy] = [open(), open()]
  t.throws(readers.requirePlace, { code: 'SALLYPORT_AUDIT_STREAMS_FULL', retryAfterSeconds: Number })
  for (const { events } of [idle, busy]) await once(events, 'readable')
  clock.nowMs = LONGEST_HOLD_MS - 1
  await looks[0]?.()
  t.equal(idle.events.destroyed, false)
  while (busy.events.read() !== null);
  await once(busy.events, 'readable')
  clock.nowMs = LONGEST_HOLD_MS
  await looks[0]?.()
  t.match([idle.events.destroyed, busy.events.destroyed], [true, false])
  await once(idle.events, 'close')
  t.ok(idle.leaving.signal.aborted, 'nothing is read for him any more')
  readers.requirePlace()
  busy.leaving.abort()
  t.ok(busy.events.destroyed, 'an access that is over')
  readers.stop()
})

async function* linesOfText(text: string): AsyncGenerator<string> {
  yield* text.split('\n')
}

t.test(
  'an export over HTTP has no row that says something of a person in clear, and says how many it leaves out',
  async t => {
    const app = await served(t)
    await app.write('one')
    const detail = { email: 'ada@example.com' }
    const earlier = { ...sampleRecord('earlier'), version: 2, sourceAddress: '192.0.2.77', nameTried: 'ada', detail }
    await insertRecords(app.superuser, [earlier], 60_000)
    await app.write('two')
    const text = await (await fetch(`${app.url}/audit/export`, { headers: READER })).text()
    t.notMatch(text, /192\.0\.2\.77|"ada"|ada@/)
    const expected = { verifiers: VERIFIERS }
    t.match(await verifyExport(linesOfText(text), expected), { ok: true, rows: 3, concealedRows: 1, prunedRows: 0 })
    const line = text.split('\n')[1] ?? ''
    const emptied = JSON.stringify({ ...(JSON.parse(line) as object), record: null, concealed: true })
    t.match(await verifyExport(linesOfText(text.replace(line, emptied)), expected), { problem: 'incomplete' })
    const counted = text.replace(line, emptied).replace('"concealed":1', '"concealed":2')
    t.match(await verifyExport(linesOfText(counted), expected), { problem: 'not-signed' })
  }
)

t.test('an export is whole, signed, and goes on where it was cut off', async t => {
  const app = await served(t)
  await app.write('one', 'two', 'three')
  const exported = async (query = ''): Promise<string> =>
    await (await fetch(`${app.url}/audit/export${query}`, { headers: READER })).text()
  const text = await exported()
  t.match(await verifyExport(linesOfText(text), { verifiers: VERIFIERS }), {
    ok: true,
    rows: 3,
    after: { sequence: 0 }
  })
  const cut = text.split('\n').slice(0, 3).join('\n')
  t.match(await verifyExport(linesOfText(cut), { verifiers: VERIFIERS }), { ok: false, problem: 'incomplete' })
  const rest = await exported('?after=2')
  t.match(await verifyExport(linesOfText(rest), { verifiers: VERIFIERS }), {
    ok: true,
    rows: 2,
    after: { sequence: 2 }
  })
  const exports = (await rowsOf(app.superuser)).filter(({ action }) => action === 'audit.export')
  t.match(
    exports.map(({ detail }) => detail.asked),
    [{ after: 0 }, { after: 2 }],
    'with where it began'
  )
  t.equal(exports.length, 2)

  const others = [checkpointVerifier(checkpointSigner(ORIGIN, randomBytes(32)))]
  t.match(await verifyExport(linesOfText(text), { verifiers: others }), { problem: 'not-signed' })
  const end = text.trimEnd().split('\n').at(-1) ?? ''
  const unsigned = text.replace(end, JSON.stringify({ ...(JSON.parse(end) as object), signature: undefined }))
  t.match(await verifyExport(linesOfText(unsigned), { verifiers: VERIFIERS }), { problem: 'not-signed' })
  t.match(await verifyExport(linesOfText(unsigned)), { ok: true }, 'who asks for no signature needs none')
  const taken = rest.replace(
    /"signature":".*"/,
    `"signature":${JSON.stringify((JSON.parse(end) as { signature: string }).signature)}`
  )
  t.match(
    await verifyExport(linesOfText(taken), { verifiers: VERIFIERS }),
    { problem: 'not-signed' },
    'nor is one of another export'
  )
  for (const query of ['?after=x', '?after=99', '?through=2', '?after=1&after=2']) {
    t.equal((await fetch(`${app.url}/audit/export${query}`, { headers: READER })).status, 400, query)
  }
})
