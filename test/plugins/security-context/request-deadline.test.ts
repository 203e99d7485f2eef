import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'
import { problemDetails, requestDeadlines } from '@sallyport/security-context'
import { until } from '../../support/edge.ts'

/** An app whose handler shows what is left, on a clock that the test moves. */
async function deadlineApp(t: Test, handler: (request: FastifyRequest) => Promise<unknown>) {
  const now = { ms: 1000.5 }
  const app = Fastify()
  t.after(() => app.close())
  await app.register(problemDetails)
  await app.register(requestDeadlines, { clock: () => now.ms })
  app.addHook('preParsing', async request => {
    now.ms += Number(request.headers['x-takes'] ?? 0)
  })
  app.get('/', handler)
  return { app, now }
}

const left = async ({ deadline }: FastifyRequest) => ({ left: deadline?.remainingMs() ?? 'no end' })

async function leftOf(app: FastifyInstance, headers: Record<string, string>): Promise<unknown> {
  return (await app.inject({ url: '/', headers })).json().left
}

t.test('the time that a caller states counts from the arrival of its request', async t => {
  const { app } = await deadlineApp(t, left)
  t.equal(await leftOf(app, { 'sallyport-timeout-ms': '1500' }), 1500)
  t.equal(await leftOf(app, { 'sallyport-timeout-ms': '1500', 'x-takes': '1499' }), 1)
  t.equal(await leftOf(app, {}), 'no end')
})

t.test('what is no whole number of ms states nothing', async t => {
  const { app } = await deadlineApp(t, left)
  for (const stated of ['', '-1', '1.5', '1e3', '10, 20', '1234567890', 'soon']) {
    t.equal(await leftOf(app, { 'sallyport-timeout-ms': stated }), 'no end', stated)
  }
})

t.test('a request whose time is over is refused before its handler begins', async t => {
  let handled = 0
  const { app } = await deadlineApp(t, async request => {
    handled++
    return await left(request)
  })
  for (const [stated, takes] of [
    ['0', '0'],
    ['20', '20'],
    ['20', '21']
  ] as const) {
    const answer = await app.inject({ url: '/', headers: { 'sallyport-timeout-ms': stated, 'x-takes': takes } })
    t.equal(answer.statusCode, 504)
    t.equal(answer.json().code, 'SALLYPORT_CONTEXT_DEADLINE_PASSED')
  }
  t.equal(handled, 0)
})

t.test('the signal aborts when the caller leaves, and not when it has its answer', async t => {
  const signals: AbortSignal[] = []
  const released: Array<() => void> = []
  const { app } = await deadlineApp(t, async request => {
    if (request.deadline !== null) signals.push(request.deadline.signal)
    t.equal(request.deadline?.signal, signals.at(-1), 'one signal for the request')
    if (request.headers['x-waits'] === undefined) return 'ok'
    return await new Promise<void>(resolve => released.push(resolve))
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  t.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'ok')
  const client = connect(port, '127.0.0.1')
  client.write('GET / HTTP/1.1\r\nHost: a\r\nX-Waits: yes\r\n\r\n')
  await until(() => signals.length === 2)
  const [answered, waiting] = signals as [AbortSignal, AbortSignal]
  t.notOk(answered.aborted || waiting.aborted)
  client.destroy()
  await once(waiting, 'abort')
  t.match(waiting.reason, { code: 'SALLYPORT_CONTEXT_CALLER_LEFT' })
  t.notOk(answered.aborted)
  for (const release of released) release()
})

t.test('a signal that is asked for when the caller has left already has aborted', async t => {
  const handled: FastifyRequest[] = []
  const { app } = await deadlineApp(t, async request => {
    handled.push(request)
    return await new Promise(() => {})
  })
  let closed = 0
  app.server.on('request', (_request, response) => response.once('close', () => closed++))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const client = connect(port, '127.0.0.1')
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await until(() => handled.length === 1)
  client.destroy()
  await until(() => closed === 1)
  t.equal(handled[0]?.deadline?.signal.aborted, true)
})
