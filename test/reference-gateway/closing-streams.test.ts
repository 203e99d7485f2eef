import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyReply } from 'fastify'
import t, { type Test } from 'tap'
import { type Dispatcher, request } from 'undici'
import { type Edge, failures, GOOD, oneRoute, startEdge, until } from '../support/edge.ts'

/** A gateway before a service whose answers the test writes and ends. */
async function startStreams(
  t: Test,
  headers: Record<string, string> = {}
): Promise<{ edge: Edge; answers: FastifyReply['raw'][] }> {
  const edge = await startEdge(t, { table: oneRoute({ stream: true }) })
  const answers: FastifyReply['raw'][] = []
  edge.orders.answer = (_request, reply) => {
    reply.hijack()
    reply.raw.setHeader('content-type', 'text/event-stream')
    for (const [name, value] of Object.entries(headers)) reply.raw.setHeader(name, value)
    answers.push(reply.raw)
  }
  return { edge, answers }
}

const ask = (edge: Edge): Promise<Dispatcher.ResponseData> =>
  request(`${edge.url}/orders`, { headers: GOOD, reset: true })

t.test(
  'streams end when the gateway closes: their clients have all that came, and an end, and the service is let go',
  async t => {
    const { edge, answers } = await startStreams(t)
    const opened = [ask(edge), ask(edge)]
    await until(() => answers.length === 2)
    let closed = 0
    for (const answer of answers) {
      answer.write('data: 1\n\n')
      answer.once('close', () => {
        closed++
      })
    }
    const clients = await Promise.all(opened)
    const bodies = clients.map(({ body }) => body.text())
    await edge.app.close()
    t.same(await Promise.all(bodies), ['data: 1\n\n', 'data: 1\n\n'], 'a chunked body that is whole')
    await until(() => closed === 2)
    t.same(failures(edge.events), [])
    t.same(
      edge.events.filter(({ stage }) => stage === 'forward'),
      [],
      'nobody was denied anything'
    )
  }
)

t.test('a stream that anybody may read ends with the gateway too', async t => {
  const table = oneRoute({ stream: true, access: 'public', forward: 'none' })
  const edge = await startEdge(t, { table })
  edge.orders.answer = (_request, reply) => {
    reply.hijack()
    reply.raw.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
  }
  const { body } = await request(`${edge.url}/orders`, { reset: true })
  const text = body.text()
  const isClosed = await Promise.race([edge.app.close().then(() => true), delay(2000, false)])
  t.ok(isClosed, 'nothing waits for it')
  if (!isClosed) edge.app.server.closeAllConnections()
  t.equal(await text.catch(() => 'cut'), 'data: 1\n\n')
})

t.test('a stream whose head comes when the gateway closes already ends at once', async t => {
  const { edge, answers } = await startStreams(t)
  const opened = ask(edge)
  await until(() => answers.length === 1)
  const closed = edge.app.close()
  await delay(10)
  answers[0]?.write('data: 1\n\n')
  const { statusCode, body } = await opened
  t.equal(statusCode, 200)
  await t.resolves(body.text())
  await closed
})

t.test('an answer that announced its length is not ended early, on a route of streams either', async t => {
  const { edge, answers } = await startStreams(t, { 'content-length': '10' })
  const opened = ask(edge)
  await until(() => answers.length === 1)
  answers[0]?.write('12345')
  const { body } = await opened
  const whole = body.text()
  const closed = edge.app.close()
  await delay(10)
  answers[0]?.end('67890')
  t.equal(await whole, '1234567890')
  await closed
})

t.test('a service that breaks a stream off breaks it off for the client', async t => {
  const { edge, answers } = await startStreams(t)
  const opened = ask(edge)
  await until(() => answers.length === 1)
  answers[0]?.write('data: 1\n\n')
  const { body } = await opened
  answers[0]?.destroy()
  await t.rejects(body.text())
  await until(() => failures(edge.events).length === 1)
  t.same(failures(edge.events), ['forward failure upstream-failed'])
})
