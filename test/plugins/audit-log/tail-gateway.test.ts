// A tail through the gateway whose stream breaks.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { runAuditCommand } from '@sallyport/audit-log'
import t, { type Test } from 'tap'

type Answer = (response: ServerResponse, asked: IncomingMessage) => void

const rowText = (sequence: number): string =>
  `id: place-${sequence}\nevent: audit\ndata: ${JSON.stringify({ trail: 'orders', sequence, occurredAt: '2026-11-26' })}\n\n`

/** Sends texts, and breaks the connection in the middle. */
const broken =
  (...texts: string[]): Answer =>
  response => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(texts.join(''), () => response.socket?.resetAndDestroy())
  }

interface Tailed {
  readonly code: number
  readonly rows: readonly number[]
  readonly error: string
  /** Places that were asked for. */
  readonly asked: readonly (string | null)[]
  /** In ms. */
  readonly waits: readonly number[]
}

/** Follows a gateway that gives these answers, and the last one again and again. */
async function tail(t: Test, answers: readonly Answer[], more: { readonly stopAt?: number } = {}): Promise<Tailed> {
  const asked: (string | null)[] = []
  const server = createServer((request, response) => {
    asked.push(new URL(request.url ?? '', 'http://gateway').searchParams.get('after'))
    answers[Math.min(asked.length, answers.length) - 1]?.(response, request)
  }).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const [rows, error, waits]: [number[], string[], number[]] = [[], [], []]
  const stopping = new AbortController()
  const code = await runAuditCommand({
    args: ['tail', '--json', '--gateway', `http://127.0.0.1:${(server.address() as AddressInfo).port}`],
    environment: { SALLYPORT_AUDIT_AUTHORIZATION: 'Bearer x' },
    call: 'sallyport-audit',
    out: text => rows.push((JSON.parse(text) as { sequence: number }).sequence),
    error: text => error.push(text),
    wait: async ms => {
      waits.push(ms)
      if (waits.length === more.stopAt) stopping.abort()
    },
    signal: stopping.signal
  })
  return { code, rows, error: error.join(''), asked, waits }
}

const refused =
  (status: number): Answer =>
  response =>
    response.writeHead(status).end('{"code":"SALLYPORT_SOME_REASON"}')

t.test('a stream that breaks is asked for again where it was: no row is left out, and none is shown twice', async t => {
  const half = rowText(2).slice(0, 30)
  const { code, rows, error, asked, waits } = await tail(t, [
    broken(': the trails follow\nid: place-0\n\n', rowText(1)),
    broken(half),
    refused(503),
    broken(rowText(2), rowText(3)),
    broken('')
  ])
  t.same(rows, [1, 2, 3])
  t.same(asked.slice(0, 5), [null, 'place-1', 'place-1', 'place-1', 'place-3'])
  t.same(waits, [1000, 2000, 4000, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000, 30_000, 30_000])
  t.equal(code, 1)
  t.match(error, 'the gateway answered 503 SALLYPORT_SOME_REASON; asking again in 4 s')
  t.match(error, /given up after 10 attempts: .*\n$/)
})

t.test('a refusal ends it at once, and so does a gateway that never answered', async t => {
  const later = await tail(t, [broken(rowText(1)), refused(403)])
  t.match(later, { code: 1, rows: [1], asked: [null, 'place-1'], error: /answered 403 SALLYPORT_SOME_REASON\n$/ })
  t.same(later.waits, [1000], 'after the break')
  const never = await tail(t, [response => response.socket?.resetAndDestroy()])
  t.match(never, { code: 1, waits: [], asked: [null] })
  const full = await tail(t, [refused(503)])
  t.match(full, { code: 1, waits: [], asked: [null] })
})

t.test(
  'a stream that ends as streams do is asked for again without a word; one that ends at once is broken',
  async t => {
    const ended: Answer = response => response.end(rowText(1))
    const { code, error, waits, asked } = await tail(t, [ended], { stopAt: 3 })
    t.match({ code, error, waits, asked }, { code: 0, error: '', waits: [2000, 2000, 2000], asked: [null, 'place-1'] })
    const empty = await tail(t, [response => response.end()], { stopAt: 2 })
    t.match(empty, { code: 0, waits: [1000, 2000], error: /the stream ended at once/ })
  }
)
