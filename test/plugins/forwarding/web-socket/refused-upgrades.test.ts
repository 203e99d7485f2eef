import forwarding, { refusedNames } from '@sallyport/forwarding'
import securityContext from '@sallyport/security-context'
import httpProxy from '@fastify/http-proxy'
import Fastify from 'fastify'
import t from 'tap'
import { sendRaw, statuses, until } from '../../../support/edge.ts'
import { startForwarding } from '../../../support/forwarding/forwarding-app.ts'
import {
  handshakeText,
  openClient,
  refusalOf,
  sendBytes,
  startScriptedService,
  startSocketService,
  switchText
} from '../../../support/forwarding/socket-service.ts'

const EDGE = { origin: 'https://edge.example' }
const REFUSED = /SALLYPORT_FORWARDING_UPGRADE_REFUSED/

t.test('a handshake that is not one is refused, on a connection that closes, and no service hears of it', async t => {
  const service = await startSocketService(t)
  const { port } = await startForwarding(t, { service, route: { webSocket: {} } })
  const refused: Record<string, string> = {
    'another method': handshakeText({}, 'POST /orders HTTP/1.1'),
    'HTTP/1.0': handshakeText({}, 'GET /orders HTTP/1.0'),
    'no key': handshakeText({ 'Sec-WebSocket-Key': null }),
    'a key of another length': handshakeText({ 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZQ==' }),
    'two keys': `${handshakeText().slice(0, -2)}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    'a body': `${handshakeText({ 'Content-Length': '5' })}hello`,
    'an announced body': handshakeText({ 'Content-Length': '0' }),
    'a body in chunks': `${handshakeText({ 'Transfer-Encoding': 'chunked' })}0\r\n\r\n`,
    'a request behind it': `${handshakeText()}GET /orders/smuggled HTTP/1.1\r\nHost: a\r\n\r\n`,
    h2c: handshakeText({ Upgrade: 'h2c', Connection: 'Upgrade, HTTP2-Settings', 'HTTP2-Settings': 'AAMAAABk' }),
    'settings of HTTP/2 beside it': handshakeText({ 'HTTP2-Settings': 'AAMAAABk' }),
    'several protocols': handshakeText({ Upgrade: 'websocket, h2c' }),
    'TLS inside': handshakeText({ Upgrade: 'TLS/1.2' }),
    'a list that is none': handshakeText({ 'Sec-WebSocket-Protocol': 'v1,,v2' })
  }
  for (const [name, text] of Object.entries(refused)) {
    const received = await sendRaw(port, text)
    t.same(statuses(received), [400], name)
    t.match(received, REFUSED, name)
    t.match(received, /connection: close/i, name)
  }
  const version = await sendRaw(port, handshakeText({ 'Sec-WebSocket-Version': '8' }))
  t.same(statuses(version), [426])
  t.match(version, /sec-websocket-version: 13/i)
  t.match(version, /SALLYPORT_FORWARDING_HANDSHAKE_VERSION/)
  t.equal(service.asked.length, 0)
})

t.test('the field Connection is read as a list, in any case', async t => {
  const service = await startSocketService(t)
  const { port } = await startForwarding(t, { service, route: { webSocket: {} } })
  for (const connection of ['keep-alive, Upgrade', 'UPGRADE', 'upgrade,keep-alive']) {
    const client = sendBytes(port, handshakeText({ Connection: connection, Upgrade: 'WebSocket' }))
    await until(() => client.received().includes('\r\n\r\n'))
    t.match(client.received().toString(), /^HTTP\/1\.1 101 /, connection)
    client.socket.destroy()
  }
})

t.test('a route without WebSockets refuses them, beside one that has them and without one', async t => {
  const service = await startSocketService(t)
  const { app, port, url } = await startForwarding(t, { service, route: { webSocket: {} } })
  app.forwarding.replace({
    upstreams: { orders: { origin: service.origin } },
    routes: [
      { path: '/orders', upstream: 'orders', forward: 'none', access: 'authenticated', webSocket: {} },
      { path: '/plain', upstream: 'orders', forward: 'none', access: 'authenticated' }
    ]
  })
  const refused = await sendRaw(port, handshakeText({}, 'GET /plain HTTP/1.1'))
  t.same(statuses(refused), [400])
  t.match(refused, REFUSED)
  t.same(statuses(await sendRaw(port, handshakeText({}, 'GET /nowhere HTTP/1.1'))), [400])
  const { socket } = await openClient(`${url}/orders`, EDGE)
  app.forwarding.replace({
    upstreams: { orders: { origin: service.origin } },
    routes: [{ path: '/orders', upstream: 'orders', forward: 'none', access: 'authenticated' }]
  })
  t.equal(app.server.listenerCount('upgrade'), 0, 'the field is ignored again, as without this plugin')
  t.equal(socket.readyState, socket.OPEN, 'what is open lives on')
  socket.terminate()
})

t.test('who is known by a cookie or a password has to come from an allowed origin', async t => {
  const service = await startSocketService(t)
  const route = { webSocket: { origins: ['https://shop.example'] } }
  const { url, ends } = await startForwarding(t, { service, route })
  const orders = `${url}/orders`
  const none = '403 SALLYPORT_FORWARDING_ORIGIN_REFUSED'
  t.equal(await refusalOf(orders, { cookie: 'session=1' }), none)
  t.equal(await refusalOf(orders, { authorization: 'Basic YTpi' }), none)
  for (const origin of ['https://edge.example', 'https://shop.example.evil', 'null', 'https://SHOP.example', '']) {
    t.equal(await refusalOf(orders, { origin, authorization: 'Bearer x' }), none, origin)
  }
  t.equal(service.asked.length, 0)
  t.same(
    ends.flatMap(({ events }) => events.map(({ reason }) => reason)),
    Array(7).fill('origin-refused')
  )
  t.equal(await refusalOf(orders, { authorization: 'bearer x' }), 'opened', 'no browser sends it by itself')
  t.equal(await refusalOf(orders, { origin: 'https://shop.example', cookie: 'session=1' }), 'opened')
})

t.test('there are so many WebSockets, and no more; one that has ended makes room', async t => {
  const service = await startSocketService(t)
  const { url } = await startForwarding(t, { service, route: { webSocket: { maxOpen: 2, maxOpenPerCaller: 2 } } })
  const first = await openClient(`${url}/orders`, EDGE)
  const second = await openClient(`${url}/orders`, EDGE)
  t.equal(await refusalOf(`${url}/orders`, EDGE), '503 SALLYPORT_FORWARDING_SOCKETS_BUSY')
  first.socket.close()
  await first.closed
  await until(async () => (await refusalOf(`${url}/orders`, EDGE)) === 'opened')
  second.socket.terminate()
  const callers = await startForwarding(t, { service, route: { webSocket: { maxOpen: 2, maxOpenPerCaller: 1 } } })
  const only = await openClient(`${callers.url}/orders`, EDGE)
  t.equal(await refusalOf(`${callers.url}/orders`, EDGE), '429 SALLYPORT_FORWARDING_TOO_MANY_SOCKETS')
  only.socket.terminate()
})

t.test('a service that does not switch as it was asked is a 502, and nothing of it passes', async t => {
  const wrong: Record<string, string> = {
    'another protocol': switchText({ Upgrade: 'h2c' }),
    'a proof for another key': switchText({ 'Sec-WebSocket-Accept': 'AAAAAAAAAAAAAAAAAAAAAAAAAAA=' }),
    'no proof': switchText({ 'Sec-WebSocket-Accept': null }),
    'a protocol that nobody offered': switchText({ 'Sec-WebSocket-Protocol': 'v9' }),
    'an extension that nobody offered': switchText({ 'Sec-WebSocket-Extensions': 'permessage-deflate' }),
    'no protocol at all, and a body': 'HTTP/1.1 101 Switching Protocols\r\n\r\nhello',
    nothing: ''
  }
  for (const [name, answer] of Object.entries(wrong)) {
    const service = await startScriptedService(t, (_head, socket) => {
      if (answer === '') socket.destroy()
      else socket.write(answer)
    })
    const { port } = await startForwarding(t, { service, route: { webSocket: {}, timeouts: { headMs: 2000 } } })
    const received = await sendRaw(port, handshakeText())
    t.same(statuses(received), [502], name)
    await until(() => service.sockets.size === 0)
  }
})

t.test('a service that answers in place of switching is heard, on a connection that closes', async t => {
  const answers: Record<string, string> = {
    '200': 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
    '403': 'HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\nset-cookie: a=b\r\n\r\nno',
    '200 in chunks': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'
  }
  for (const [name, answer] of Object.entries(answers)) {
    const service = await startScriptedService(t, (_head, socket) => {
      socket.write(answer)
    })
    const { port, ends } = await startForwarding(t, { service, route: { webSocket: {} } })
    const client = sendBytes(port, handshakeText())
    await client.closed
    const received = client.received().toString()
    t.same(statuses(received), [Number.parseInt(name)], name)
    t.match(received, /connection: close/i)
    t.notMatch(received, /set-cookie/)
    await until(() => ends.length === 1)
  }
})

t.test(
  'a service that does not answer the handshake is a 504, and a client that leaves meanwhile is noticed',
  async t => {
    const service = await startScriptedService(t, () => {})
    const route = { webSocket: {}, timeouts: { headMs: 300 } }
    const { port, ends } = await startForwarding(t, { service, route })
    t.same(statuses(await sendRaw(port, handshakeText())), [504])
    const patient = await startForwarding(t, { service, route: { webSocket: {} } })
    for (const leave of ['end', 'resetAndDestroy'] as const) {
      const client = sendBytes(patient.port, handshakeText())
      await until(() => service.sockets.size === 1)
      client.socket[leave]()
      await until(() => service.sockets.size === 0)
    }
    await until(() => patient.ends.length === 2 && ends.length === 1)
    t.same(
      patient.ends.map(({ status }) => status),
      [499, 499]
    )
  }
)

t.test('bytes that come before the answer are no frames: the request is refused', async t => {
  const service = await startScriptedService(t, (_head, socket) => {
    socket.once('data', () => {})
    answer = () => socket.write(switchText())
  })
  let answer = (): unknown => null
  const { port } = await startForwarding(t, { service, route: { webSocket: {} } })
  const client = sendBytes(port, handshakeText())
  await until(() => service.sockets.size === 1)
  client.socket.write('GET /orders/smuggled HTTP/1.1\r\nHost: a\r\n\r\n')
  await new Promise(resolve => {
    setTimeout(resolve, 50)
  })
  answer()
  await client.closed
  t.same(statuses(client.received().toString()), [400])
  await until(() => service.sockets.size === 0)
})

t.test(
  'WebSockets fail the boot where somebody else takes upgrades, and where they cannot be held to every hook',
  async t => {
    const app = Fastify()
    t.after(() => app.close())
    app.server.on('upgrade', () => {})
    await app.register(securityContext)
    const route = { path: '/*', upstream: 'a', forward: 'none', access: 'public', webSocket: {} } as const
    const upstreams = { a: { origin: 'http://127.0.0.1:1' } }
    await t.rejects(async () => await app.register(forwarding, { upstreams, routes: [route] }), {
      message: /routes\.0\.webSocket: something else of this app takes upgrades/
    })
    const service = await startSocketService(t)
    const ordinary = await startForwarding(t, { service, step: 'ordinary', route: { webSocket: {} } })
    t.match(await refusalOf(`${ordinary.url}/orders`, EDGE), /^500/)
    t.equal(service.asked.length, 0)
  }
)

t.test(
  'the WebSockets of http-proxy are never ours: it sends cookies on, and what it has beside us fails the boot',
  async t => {
    const service = await startSocketService(t)
    const own = Fastify()
    t.after(() => own.close())
    await own.register(httpProxy, { upstream: service.origin, prefix: '/proxied', websocket: true })
    const url = await own.listen({ host: '127.0.0.1', port: 0 })
    const { socket } = await openClient(`${url}/proxied`, { cookie: 'session=secret' })
    await until(() => service.asked.length === 1)
    t.equal(service.asked[0]?.headers.cookie, 'session=secret', 'what it does by default')
    socket.terminate()

    const both = Fastify()
    t.after(() => both.close())
    await both.register(securityContext)
    await both.register(httpProxy, { upstream: service.origin, prefix: '/proxied', websocket: true })
    const route = { path: '/orders', upstream: 'a', forward: 'none', access: 'public', webSocket: {} } as const
    const table = { upstreams: { a: { origin: service.origin } }, routes: [route] }
    await t.rejects(async () => await both.register(forwarding, table), {
      code: 'SALLYPORT_FORWARDING_OPTIONS_INVALID'
    })
  }
)

t.test('a route cannot say of WebSockets what does not hold', async t => {
  const service = await startSocketService(t)
  for (const [route, mistake] of [
    [{ methods: ['POST'], webSocket: {} }, /routes\.0\.webSocket: a WebSocket begins with GET/],
    [{ webSocket: { origins: ['shop.example'] } }, /webSocket\.origins/],
    [{ webSocket: { origins: [] } }, /webSocket\.origins/],
    [{ webSocket: { maxOpen: 0 } }, /webSocket\.maxOpen/]
  ] as const) {
    await t.rejects(async () => await startForwarding(t, { service, route }), { message: mistake })
  }
  const fields = ['Sec-WebSocket-Key', 'sec-websocket-extensions']
  t.same(refusedNames(fields), fields, 'the handshake is not for a route to pass')
})
