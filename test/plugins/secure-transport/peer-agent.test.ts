import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect, createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import { createPeerAgent, type PeerAgentOptions } from '@sallyport/secure-transport'

interface Peer {
  readonly origin: string
  readonly requests: string[]
  readonly held: ServerResponse[]
}

/** A peer on a real socket that keeps every request until the test answers it. */
async function hangingPeer(t: Test): Promise<Peer> {
  const requests: string[] = []
  const held: ServerResponse[] = []
  const server = createServer((request: IncomingMessage, response) => {
    requests.push(request.url ?? '')
    held.push(response)
    server.emit('held')
  })
  return { origin: await listening(t, server), requests, held, ...{ server } }
}

async function listening(t: Test, server: Server | ReturnType<typeof createTcpServer>): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(
    () =>
      new Promise<void>(resolve => {
        server.close(() => {
          resolve()
        })
        if ('closeAllConnections' in server) server.closeAllConnections()
      })
  )
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function agentFor(t: Test, options: Partial<PeerAgentOptions> = {}) {
  const agent = createPeerAgent({ ca: '', connections: 2, maxQueued: 3, ...options })
  t.after(() => agent.destroy())
  return agent
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) {
    await new Promise(resolve => {
      setTimeout(resolve, 2)
    })
  }
}

t.test('calls past the connections wait in a bounded queue, and one more is refused at once', async t => {
  const { origin, requests, held } = await hangingPeer(t)
  const agent = agentFor(t)
  const call = async (path: string) => (await agent.request({ origin, path, method: 'GET' })).statusCode
  const waiting = ['/1', '/2', '/3', '/4', '/5'].map(call)
  await t.rejects(call('/6'), { code: 'SALLYPORT_TRANSPORT_PEER_BUSY' })
  await until(() => requests.length === 2)
  t.same(agent.counts(), { [origin]: { running: 2, waiting: 3 } })
  for (let answered = 0; answered < 5; answered++) {
    await until(() => held.length > answered)
    held[answered]?.end('ok')
  }
  t.same(await Promise.all(waiting), [200, 200, 200, 200, 200])
  t.same(requests, ['/1', '/2', '/3', '/4', '/5'], 'the sixth was never sent')
  t.same(agent.counts(), { [origin]: { running: 0, waiting: 0 } })
})

t.test('a call whose signal aborts while it waits fails at once, leaves the queue and is never sent', async t => {
  const { origin, requests, held } = await hangingPeer(t)
  const agent = agentFor(t, { connections: 1, maxQueued: 1 })
  const first = agent.request({ origin, path: '/1', method: 'GET' })
  await until(() => requests.length === 1)
  const controller = new AbortController()
  const second = agent.request({ origin, path: '/2', method: 'GET', signal: controller.signal })
  controller.abort(new Error('enough'))
  await t.rejects(second, { message: 'enough' })
  t.same(agent.counts(), { [origin]: { running: 1, waiting: 0 } })
  const third = agent.request({ origin, path: '/3', method: 'GET' })
  held[0]?.end()
  await first
  await until(() => held.length === 2)
  held[1]?.end()
  t.equal((await third).statusCode, 200)
  t.same(requests, ['/1', '/3'])
})

t.test('a call waits for a connection no longer than its limit', async t => {
  const { origin, requests } = await hangingPeer(t)
  const agent = agentFor(t, { connections: 1, queueTimeoutMs: 20 })
  agent.request({ origin, path: '/1', method: 'GET' }).catch(() => {})
  await until(() => requests.length === 1)
  await t.rejects(agent.request({ origin, path: '/2', method: 'GET' }), { code: 'SALLYPORT_TRANSPORT_PEER_BUSY' })
  t.same(requests, ['/1'])
})

t.test('a call that is aborted while its connection is being made fails at once', async t => {
  const origin = await listening(t, createTcpServer())
  const agent = agentFor(t)
  const controller = new AbortController()
  const call = agent.request({ origin, path: '/1', method: 'GET', signal: controller.signal })
  controller.abort(new Error('enough'))
  await t.rejects(call, { message: 'enough' })
  await until(() => agent.counts()[origin]?.running === 0)
})

t.test('a hung origin holds up no call of another', async t => {
  const hung = await hangingPeer(t)
  const well = await hangingPeer(t)
  const agent = agentFor(t)
  for (const path of ['/1', '/2', '/3']) agent.request({ origin: hung.origin, path, method: 'GET' }).catch(() => {})
  const call = agent.request({ origin: well.origin, path: '/', method: 'GET' })
  await until(() => well.held.length === 1)
  well.held[0]?.end()
  t.equal((await call).statusCode, 200)
})

t.test('an answer that came before the request could be sent whole is read, although the next write fails', async t => {
  let closed: Promise<unknown> = Promise.resolve()
  const origin = await listening(
    t,
    createTcpServer(socket => {
      closed = once(socket, 'close')
      socket.on('error', () => {})
      socket.once('data', () => {
        // Unread data makes the close a reset: the next write of the client fails.
        socket.pause()
        socket.write('HTTP/1.1 413 Content Too Large\r\ncontent-length: 5\r\nconnection: close\r\n\r\nlarge', () =>
          socket.destroy()
        )
      })
    })
  )
  const agent = agentFor(t)
  async function* body() {
    yield Buffer.alloc(512 * 1024)
    // Written in the turn in which the connection was reset, before anything of the answer was read.
    await closed
    for (let part = 0; part < 8; part++) yield Buffer.alloc(64 * 1024)
  }
  for (let round = 0; round < 50; round++) {
    const answer = await agent.request({
      origin,
      path: '/',
      method: 'POST',
      body: Readable.from(body(), { objectMode: false })
    })
    t.equal(answer.statusCode, 413, `round ${round}`)
    t.equal(await answer.body.text(), 'large')
  }
})

t.test('a peer that closes without an answer is still an error', async t => {
  const origin = await listening(
    t,
    createTcpServer((socket: Socket) => {
      socket.on('error', () => {}).once('data', () => socket.resetAndDestroy())
    })
  )
  const agent = agentFor(t)
  await t.rejects(agent.request({ origin, path: '/', method: 'POST', body: Buffer.alloc(1024 * 1024) }))
  t.same(agent.counts(), { [origin]: { running: 0, waiting: 0 } })
  await once(connect(Number(new URL(origin).port), '127.0.0.1').end(), 'close')
})
