// Answers that Node gives by itself, without a word, unless somebody takes them over.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t from 'tap'
import { FORWARDED_ANSWER_FIELDS } from '../../reference-gateway/src/security-headers.ts'
import { failures, rawRequest, sendRaw, startEdge, statuses } from '../support/edge.ts'

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const CHUNKED = ['Content-Type: text/plain', 'Transfer-Encoding: chunked']
const withoutClose = (requestLine: string, headers: readonly string[] = [], body = ''): string =>
  rawRequest(requestLine, headers, body).replace('Connection: close\r\n', '')

function fieldsOf(answer: string): Map<string, string> {
  const [head = ''] = answer.split('\r\n\r\n')
  const lines = head.split('\r\n').slice(1)
  return new Map(lines.map(line => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]))
}

const REFUSED = {
  'an expectation that nobody can meet': [417, withoutClose('GET /orders HTTP/1.1', ['Expect: 200-ok'])],
  'an expectation beside the one that is known': [
    417,
    withoutClose('POST /orders HTTP/1.1', ['Expect: 100-continue, 200-ok', 'Content-Length: 1'])
  ],
  'no host': [400, withoutClose('GET /orders HTTP/1.1').replace('Host: gateway.example\r\n', '')],
  'a coding before chunked': [
    400,
    withoutClose('POST /orders HTTP/1.1', ['Transfer-Encoding: gzip, chunked'], '0\r\n\r\n')
  ],
  'no request': [400, 'nonsense\r\n\r\n'],
  'a chunk that is none': [400, withoutClose('POST /orders HTTP/1.1', CHUNKED, 'nonsense\r\n\r\n')],
  'a head that is too long': [431, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`],
  'too much beside a chunk': [413, withoutClose('POST /orders HTTP/1.1', CHUNKED, `1;${'x'.repeat(20_000)}`)]
} as const

t.test('what Node would answer itself is a problem document with id and security fields, and the end', async t => {
  const { port, orders, events } = await startEdge(t, {
    settings: { publicOrigins: ['https://gateway.example'], trustedProxies: ['127.0.0.1'] }
  })
  for (const [what, [status, bytes]] of Object.entries(REFUSED)) {
    // It ends although the client did not ask for that.
    const answer = await sendRaw(port, bytes)
    t.same(statuses(answer).at(-1), status, what)
    const fields = fieldsOf(answer.slice(answer.lastIndexOf('HTTP/1.1 ')))
    t.equal(fields.get('connection'), 'close', what)
    t.match(fields.get('content-type'), 'application/problem+json', what)
    t.equal(fields.get('cache-control'), 'no-store', what)
    t.equal(fields.get('strict-transport-security'), 'max-age=31536000', what)
    for (const name of Object.keys(FORWARDED_ANSWER_FIELDS)) t.ok(fields.get(name), `${what}: ${name}`)
    const problem = JSON.parse(answer.slice(answer.indexOf('{')))
    t.match(problem, { status, requestId: ID }, what)
    t.equal(fields.get('x-request-id'), problem.requestId, what)
  }
  t.equal(orders.received.length, 0)
  const reasons = new Set(failures(events).filter(text => text.startsWith('hygiene')))
  t.same(
    [...reasons].toSorted(),
    ['expectation-refused', 'framing-refused', 'host-missing'].map(reason => `hygiene denied ${reason}`)
  )
})

t.test('a request that does not end in time gets such an answer too', async t => {
  const { app, port } = await startEdge(t)
  const accepted = once(app.server, 'connection') as Promise<[Socket]>
  const client = connect(port, '127.0.0.1')
  let answer = ''
  client.setEncoding('latin1').on('data', (chunk: string) => {
    answer += chunk
  })
  client.write('GET / HTTP/1.1\r\n')
  const [socket] = await accepted
  app.server.emit('clientError', Object.assign(new Error(), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), socket)
  await once(client, 'close')
  t.same(statuses(answer), [408])
  const fields = fieldsOf(answer)
  t.match(JSON.parse(answer.slice(answer.indexOf('{'))), { status: 408, requestId: fields.get('x-request-id') })
  t.equal(fields.get('connection'), 'close')
  t.notOk(fields.has('strict-transport-security'), 'plain HTTP, and no proxy that ends TLS')
})

t.test('CONNECT gets no answer at all, and a refused upgrade one of the edge’s own', async t => {
  const { port, orders } = await startEdge(t)
  t.equal(await sendRaw(port, rawRequest('CONNECT orders:443 HTTP/1.1')), '')
  const upgrade = await sendRaw(port, rawRequest('GET /orders HTTP/1.1', ['Upgrade: websocket']))
  t.same(statuses(upgrade), [400])
  const fields = fieldsOf(upgrade)
  t.match(fields.get('x-request-id'), ID)
  t.ok(fields.get('x-content-type-options'))
  t.equal(orders.received.length, 0)
})

t.test('a path that cannot be decoded is answered with security fields', async t => {
  const { port } = await startEdge(t)
  const answer = await sendRaw(port, rawRequest('GET /orders/%zz HTTP/1.1'))
  t.same(statuses(answer), [400])
  for (const [name, value] of Object.entries(FORWARDED_ANSWER_FIELDS)) t.equal(fieldsOf(answer).get(name), value, name)
})

t.test(
  'nonsense behind a request whose answer is leaving ends the connection and adds nothing to the answer',
  async t => {
    const { port, orders } = await startEdge(t)
    let end = (): void => {}
    orders.answer = (_request, reply) => {
      reply.hijack()
      reply.raw.writeHead(200, { 'content-length': '8' })
      reply.raw.write('half')
      end = () => reply.raw.end('half')
    }
    const client = connect(port, '127.0.0.1')
    let answer = ''
    client.setEncoding('latin1').on('data', (chunk: string) => {
      if (answer === '') client.write('nonsense\r\n\r\n')
      answer += chunk
    })
    client.write(withoutClose('GET /orders HTTP/1.1'))
    await once(client, 'close')
    end()
    t.same(statuses(answer), [200])
    t.notMatch(answer, 'problem')
  }
)
