import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { Agent, request } from 'undici'
import { createTokenClient } from '@sallyport/token-exchange'
import { createPeerAgent } from '@sallyport/secure-transport'
import {
  type Edge,
  failures,
  GOOD,
  oneRoute,
  ORDER_SERVICE,
  rawRequest,
  startEdge,
  statuses,
  until
} from '../support/edge.ts'

const HANG = (): Promise<never> => new Promise(() => {})

/** Answers with a connection's socket in hand, past Fastify. */
function answerBy(edge: Edge, write: (send: (text: string) => void, ended: Promise<unknown>) => void): void {
  edge.orders.answer = (_request, reply) => {
    reply.hijack()
    const { socket } = reply.raw
    if (socket === null) throw new Error('no socket')
    // A reset is what some tests wait for.
    const ended = new Promise(resolve => {
      socket.on('error', () => {}).once('close', resolve)
    })
    write(text => {
      socket.write(text)
    }, ended)
    return reply
  }
}

/** How many requests of the order service were ended from outside before it had answered. */
function countAborts(edge: Edge): () => number {
  let aborts = 0
  edge.orders.answer = (_request, reply) => {
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) aborts++
    })
    return HANG()
  }
  return () => aborts
}

t.test('a service that hangs is a 504 at the limit, and sees its request end', async t => {
  const edge = await startEdge(t, { settings: { upstreamTimeoutMs: 200 } })
  const aborts = countAborts(edge)
  const answers = await Promise.all(Array.from({ length: 5 }, () => request(`${edge.url}/orders`, { headers: GOOD })))
  t.same(
    answers.map(({ statusCode }) => statusCode),
    Array(5).fill(504)
  )
  await until(() => aborts() === edge.orders.received.length && edge.agent.counts()[edge.orders.origin]?.running === 0)
  t.same(failures(edge.events), Array(5).fill('forward failure upstream-timeout'))
})

t.test(
  'the time in which a request waits for a connection counts: it is a 504 at the same limit and is never sent',
  async t => {
    const edge = await startEdge(t, { settings: { upstreamTimeoutMs: 200 }, agent: { connections: 2, maxQueued: 100 } })
    countAborts(edge)
    const held = Array.from({ length: 2 }, () =>
      edge.agent.request({ origin: edge.orders.origin, path: '/held', method: 'GET' }).catch(() => null)
    )
    await until(() => edge.orders.received.length === 2)
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => request(`${edge.url}/orders`, { headers: GOOD }))
    )
    t.same(
      answers.map(({ statusCode }) => statusCode),
      Array(20).fill(504)
    )
    t.same(edge.agent.counts()[edge.orders.origin], { running: 2, waiting: 0 })
    t.same(
      edge.orders.received.map(({ url }) => url),
      ['/held', '/held']
    )
    await edge.agent.destroy()
    await Promise.all(held)
  }
)

t.test('the queue of a service is bounded: one request more is 503 with a time to wait, at once', async t => {
  const edge = await startEdge(t, { agent: { connections: 1, maxQueued: 3 } })
  countAborts(edge)
  const waiting = Array.from({ length: 4 }, () => request(`${edge.url}/orders`, { headers: GOOD }).catch(() => null))
  await until(() => edge.agent.counts()[edge.orders.origin]?.waiting === 3)
  const { statusCode, headers, body } = await request(`${edge.url}/orders`, { headers: GOOD })
  t.equal(statusCode, 503)
  t.equal(headers['retry-after'], '1')
  t.match(await body.json(), { code: 'SALLYPORT_FORWARDING_UPSTREAM_BUSY' })
  t.same(failures(edge.events), ['forward failure upstream-busy'])
  t.equal(edge.orders.received.length, 1)
  t.equal(
    (await request(`${edge.url}/deliveries`, { headers: GOOD })).statusCode,
    200,
    'another service is not held up'
  )
  await edge.app.close()
  await Promise.all(waiting)
})

t.test('endless early hints are a 504, and the service sees its connection end', async t => {
  const edge = await startEdge(t, { settings: { upstreamTimeoutMs: 1500 } })
  let hints = 0
  let gone = false
  answerBy(edge, (send, ended) => {
    const timer = setInterval(() => {
      hints++
      send('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n')
    }, 5)
    void ended.then(() => {
      gone = true
      clearInterval(timer)
    })
  })
  const { statusCode, body } = await request(`${edge.url}/orders`, { headers: GOOD })
  t.equal(statusCode, 504)
  t.match(await body.json(), { code: 'SALLYPORT_FORWARDING_UPSTREAM_TIMEOUT' })
  t.ok(hints > 0)
  await until(() => gone)
})

/** A service that sends a head and then a byte every few milliseconds, until it is cut. */
function drip(edge: Edge): { gone: () => boolean; sent: () => number } {
  let gone = false
  let sent = 0
  answerBy(edge, (send, ended) => {
    send('HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n')
    const timer = setInterval(() => {
      sent++
      send('1\r\nx\r\n')
    }, 5)
    void ended.then(() => {
      gone = true
      clearInterval(timer)
    })
  })
  return { gone: () => gone, sent: () => sent }
}

t.test('a dripping answer is cut at the limit for the whole, so that it cannot be taken for complete', async t => {
  const edge = await startEdge(t, { settings: { upstreamTimeoutMs: 3000, answerTimeoutMs: 3000 } })
  const { gone } = drip(edge)
  const { statusCode, body } = await request(`${edge.url}/orders`, { headers: GOOD })
  t.equal(statusCode, 200)
  await t.rejects(body.text())
  await until(() => gone() && failures(edge.events).length > 0)
  t.same(failures(edge.events), ['forward failure upstream-timeout'])
  t.equal(edge.agent.counts()[edge.orders.origin]?.running, 0)
})

t.test('on a route that is declared as a stream only the pauses are limited', async t => {
  const edge = await startEdge(t, {
    settings: { upstreamTimeoutMs: 2000, answerTimeoutMs: 2000, streamPauseMs: 2000 },
    table: oneRoute({ stream: true })
  })
  const { sent } = drip(edge)
  const startedAtMs = performance.now()
  const { statusCode, body } = await request(`${edge.url}/orders`, { headers: GOOD })
  t.equal(statusCode, 200)
  await until(() => sent() > 10 && performance.now() - startedAtMs > 4000)
  t.notOk(body.destroyed, 'twice the limit of other routes has passed')
  body.destroy()

  answerBy(edge, send => {
    send('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n')
  })
  // undici makes a new connection after the cut, for which the gateway would wait.
  const client = new Agent()
  const silent = await request(`${edge.url}/orders`, { headers: GOOD, dispatcher: client })
  t.equal(silent.statusCode, 200, 'the head of a stream passes before its first part')
  await t.rejects(silent.body.text(), 'a pause past the limit')
  await client.destroy()
})

t.test(
  "an answer whose head came and whose body did not is a 504 that says nothing of the service's payload",
  async t => {
    const edge = await startEdge(t, { settings: { upstreamTimeoutMs: 100 } })
    answerBy(edge, send => {
      send(
        'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-encoding: gzip\r\netag: "1"\r\ncontent-length: 100\r\n\r\n'
      )
    })
    const { statusCode, headers, body } = await request(`${edge.url}/orders`, { headers: GOOD })
    t.equal(statusCode, 504)
    t.notOk(headers['content-encoding'] ?? headers.etag)
    t.match(await body.json(), { code: 'SALLYPORT_FORWARDING_UPSTREAM_TIMEOUT' })
  }
)

t.test('a client that leaves before the head takes its request along, and one that waits never sends it', async t => {
  const edge = await startEdge(t, { agent: { connections: 3, maxQueued: 10 } })
  const aborts = countAborts(edge)
  const clients = Array.from({ length: 5 }, () => connect(edge.port, '127.0.0.1'))
  for (const client of clients) client.write(rawRequest('GET /orders HTTP/1.1'))
  await until(() => edge.orders.received.length === 3 && edge.agent.counts()[edge.orders.origin]?.waiting === 2)
  for (const client of clients) client.destroy()
  await until(() => aborts() === 3)
  await until(() => edge.agent.counts()[edge.orders.origin]?.running === 0)
  t.same(edge.agent.counts()[edge.orders.origin], { running: 0, waiting: 0 })
  t.equal(edge.orders.received.length, 3, 'the two that waited were never sent')
  t.same(failures(edge.events), [], 'hanging up is no event')
  t.equal(
    await edge
      .db('audit_events')
      .count('* as rows')
      .first()
      .then(row => Number(row?.rows)),
    0
  )
})

t.test('a client that leaves in the middle of the answer takes the answer along', async t => {
  const edge = await startEdge(t)
  const { gone } = drip(edge)
  const client = connect(edge.port, '127.0.0.1')
  client.write(rawRequest('GET /orders HTTP/1.1'))
  await once(client, 'data')
  client.destroy()
  await until(() => gone() && edge.events.length > 0)
  t.same(failures(edge.events), [])
  t.equal(edge.agent.counts()[edge.orders.origin]?.running, 0)
})

t.test("a client that takes its time over the body is not the service's delay", async t => {
  const edge = await startEdge(t, { settings: { upstreamTimeoutMs: 1000 } })
  const client = connect(edge.port, '127.0.0.1')
  let received = ''
  client.setEncoding('latin1').on('data', (chunk: string) => {
    received += chunk
  })
  client.write(rawRequest('POST /orders HTTP/1.1', ['Content-Type: text/plain', 'Content-Length: 60']))
  let left = 60
  const timer = setInterval(() => {
    client.write('x')
    if (--left === 0) clearInterval(timer)
  }, 40)
  await until(() => received.includes('HTTP/1.1 '))
  t.same(statuses(received), [200])
  t.equal(edge.orders.received[0]?.body, 'x'.repeat(60))
  client.destroy()
})

t.test(
  'a service that hangs, also under its audit trail, holds up no login: that has connections and a limit of its own',
  async t => {
    const edge = await startEdge(t, { agent: { connections: 1, maxQueued: 1 } })
    edge.orders.answer = incoming =>
      incoming.url === '/oauth2/token' ? { access_token: 'granted', token_type: 'Bearer', expires_in: 60 } : HANG()
    const hanging = Array.from({ length: 2 }, () =>
      request(`${edge.url}/audit/auth-server`, { headers: GOOD }).catch(() => null)
    )
    await until(() => edge.agent.counts()[edge.orders.origin]?.waiting === 1)
    t.equal((await request(`${edge.url}/audit/auth-server`, { headers: GOOD })).statusCode, 503)

    const dispatcher = createPeerAgent({
      ca: edge.authority.certificate,
      addresses: { [ORDER_SERVICE]: '127.0.0.1' },
      connections: 1
    })
    t.after(() => dispatcher.destroy())
    const endpoints = {
      issuer: edge.orders.origin,
      tokenEndpoint: `${edge.orders.origin}/oauth2/token`,
      jwksUri: null,
      revocationEndpoint: null,
      introspectionEndpoint: null,
      authorizationEndpoint: null,
      mtlsEndpointAliases: {}
    }
    const client = createTokenClient({
      metadata: endpoints,
      clientId: 'gateway',
      clientSecret: 'secret',
      dispatcher,
      timeoutMs: 1500
    })
    t.equal((await client.password({ username: 'a', password: 'b' })).accessToken, 'granted')
    edge.orders.answer = HANG
    const calls = Array.from({ length: 3 }, () => client.password({ username: 'a', password: 'b' }))
    for (const call of calls) {
      await t.rejects(
        call,
        { code: 'SALLYPORT_TOKEN_UNAVAILABLE' },
        'all of them at the same limit, whether sent or waiting'
      )
    }
    await edge.app.close()
    await Promise.all(hanging)
  }
)
