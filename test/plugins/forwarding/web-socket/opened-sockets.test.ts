import { measurementsOf } from '@sallyport/security-context'
import t from 'tap'
import { until } from '../../../support/edge.ts'
import { type ForwardingApp, startForwarding } from '../../../support/forwarding/forwarding-app.ts'
import {
  handshakeText,
  openClient,
  sendBytes,
  startScriptedService,
  startSocketService,
  switchText
} from '../../../support/forwarding/socket-service.ts'

const EDGE = { origin: 'https://edge.example' }

/** What is measured of WebSockets, by name. */
function measuredSockets({ app }: ForwardingApp): Record<string, unknown> {
  const own = measurementsOf(app).filter(({ name }) => name.startsWith('sallyport_web_sockets'))
  return Object.fromEntries(own.map(({ name, read }) => [name, read()]))
}

t.test('messages pass both ways, and the request ends with the WebSocket', async t => {
  const service = await startSocketService(t)
  const app = await startForwarding(t, { service, route: { webSocket: {} } })
  const { socket, messages, closed } = await openClient(`${app.url}/orders/7?x=1`, EDGE)
  socket.send('one')
  socket.send('two')
  await until(() => messages.length === 2)
  t.same(messages, ['one', 'two'])
  t.equal(app.ends.length, 0, 'it is under way')
  t.same(measuredSockets(app), {
    sallyport_web_sockets_open: [{ labels: { route: '/orders/*' }, value: 1 }],
    sallyport_web_sockets_ended_total: []
  })
  socket.close(1000, 'done')
  t.same(await closed, [1000, 'done'])
  await until(() => app.ends.length === 1 && app.underWay() === 0)
  t.match(app.ends, [{ method: 'GET', status: 101, events: [] }])
  t.same(service.codes, [1000])
  t.same(measuredSockets(app), {
    sallyport_web_sockets_open: [],
    sallyport_web_sockets_ended_total: [{ labels: { reason: 'closed' }, value: 1 }]
  })
})

t.test('the service gets its own token and the handshake, and nothing else of the caller', async t => {
  const service = await startSocketService(t, { handleProtocols: protocols => [...protocols].at(-1) ?? false })
  const { url } = await startForwarding(t, {
    service,
    route: { webSocket: { origins: ['https://shop.example'] }, requestHeaders: { pass: ['x-tenant'] } }
  })
  const { socket } = await openClient(
    `${url}/orders/7?x=1`,
    {
      origin: 'https://shop.example',
      cookie: '__Host-session=secret',
      authorization: 'Bearer of-the-caller',
      forwarded: 'for=1.2.3.4',
      'x-forwarded-for': '1.2.3.4',
      'x-real-ip': '1.2.3.4',
      'x-user-id': 'root',
      'x-tenant': 'acme',
      'sec-websocket-extensions': 'permessage-deflate',
      te: 'trailers'
    },
    ['v1', 'v2']
  )
  t.equal(socket.protocol, 'v2', 'which the service chose')
  t.equal(service.asked[0]?.url, '/orders/7?x=1')
  const headers = service.asked[0]?.headers ?? {}
  t.match(headers, {
    host: new URL(service.origin).host,
    authorization: 'Bearer token',
    connection: 'upgrade',
    upgrade: 'websocket',
    'sec-websocket-protocol': 'v1,v2',
    'sec-websocket-version': '13',
    'x-tenant': 'acme',
    'x-forwarded-host': 'edge.example',
    'x-forwarded-for': '127.0.0.1'
  })
  const gone = ['cookie', 'origin', 'forwarded', 'x-real-ip', 'x-user-id', 'te', 'sec-websocket-extensions']
  t.same(
    gone.filter(name => name in headers),
    []
  )
  socket.terminate()
})

t.test('client and service agree on extensions where the route says so', async t => {
  const service = await startSocketService(t, { perMessageDeflate: true })
  const { port } = await startForwarding(t, { service, route: { webSocket: { extensions: true } } })
  const client = sendBytes(port, handshakeText({ 'Sec-WebSocket-Extensions': 'permessage-deflate' }))
  await until(() => client.received().includes('\r\n\r\n'))
  t.match(client.received().toString(), /sec-websocket-extensions: permessage-deflate/i)
  client.socket.destroy()
})

t.test('the head that switches has what plugins put there, and of the service only the switch', async t => {
  const service = await startScriptedService(t, (_head, socket) => {
    socket.write(switchText({ 'Set-Cookie': 'planted=1', 'X-Inside': 'host-7', Server: 'secret/1.0' }))
  })
  const { port } = await startForwarding(t, {
    service,
    route: { webSocket: {} },
    before: app => {
      app.addHook('onRequest', async (_request, reply) => {
        reply.header('set-cookie', 'session=renewed').header('x-policy', 'ours')
      })
    }
  })
  const client = sendBytes(port, handshakeText())
  await until(() => client.received().includes('\r\n\r\n'))
  const head = client.received().toString()
  t.match(head, /^HTTP\/1\.1 101 /)
  t.match(head, /set-cookie: session=renewed\r\n/)
  t.match(head, /x-policy: ours\r\n/)
  t.notMatch(head, /planted|x-inside|secret|content-length|transfer-encoding|keep-alive/i)
  client.socket.destroy()
})

t.test('a WebSocket ends with 4401 when the access of its caller ends, and that is recorded', async t => {
  const service = await startSocketService(t)
  const { url, watched, audited, ends } = await startForwarding(t, { service, route: { webSocket: {} } })
  const { closed } = await openClient(`${url}/orders/7`, EDGE)
  await until(() => watched.length === 1)
  watched[0]?.end('access-revoked')
  t.same(await closed, [4401, 'access ended'])
  await until(() => ends.length === 1 && service.codes.length === 1)
  t.same(service.codes, [1001])
  t.match(ends[0], { status: 101, events: [{ stage: 'forward', outcome: 'denied', reason: 'access-revoked' }] })
  t.match(audited, [{ action: 'answer.end', reason: 'access-revoked', detail: { route: '/orders/*', status: 101 } }])
})

t.test('WebSockets end with 1001 when the app closes, however many there are', async t => {
  const service = await startSocketService(t)
  const { app, url, ends } = await startForwarding(t, { service, route: { webSocket: { maxOpenPerCaller: 100 } } })
  const clients = await Promise.all(Array.from({ length: 100 }, () => openClient(`${url}/orders/7`, EDGE)))
  await app.close()
  t.same(new Set((await Promise.all(clients.map(({ closed }) => closed))).map(([code]) => code)), new Set([1001]))
  await until(() => ends.length === 100)
})

t.test('what a client does not read stays at the service, and goes on when it reads again', async t => {
  const service = await startSocketService(t)
  const MESSAGES = 64
  let taken = 0
  service.take = socket => {
    const sendNext = (): void => {
      if (taken++ < MESSAGES) socket.send(Buffer.alloc(1024 * 1024), sendNext)
    }
    sendNext()
  }
  const { port } = await startForwarding(t, { service, route: { webSocket: {} } })
  const client = sendBytes(port, handshakeText())
  client.socket.pause()
  let last = -1
  // What the kernel and the two ends hold is taken; then nothing moves.
  await until(async () => {
    const isStill = taken > 0 && taken === last
    last = taken
    await new Promise(resolve => {
      setTimeout(resolve, 150)
    })
    return isStill
  })
  t.ok(last < MESSAGES / 2, 'most of it is still at the service')
  client.socket.resume()
  await until(() => taken > MESSAGES)
  client.socket.destroy()
})
