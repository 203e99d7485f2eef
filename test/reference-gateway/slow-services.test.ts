// What clients upload, and a service that takes its time over it.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { makeAuthority } from '../support/certificates.ts'
import { oneRoute, ORDER_SERVICE, rawRequest, startEdge, statuses, until } from '../support/edge.ts'

const MEBIBYTE = 1024 * 1024

function reading(socket: Socket): () => string {
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
  })
  return () => text
}

t.test('a client that expects 100-continue is told to go on, and the service gets body and length', async t => {
  const { port, orders } = await startEdge(t, { table: oneRoute() })
  const client = connect(port, '127.0.0.1')
  const answer = reading(client)
  client.write(
    rawRequest('PUT /orders HTTP/1.1', ['Content-Type: text/plain', 'Content-Length: 4', 'Expect: 100-continue'])
  )
  await until(() => answer().includes('\r\n\r\n'))
  t.equal(answer(), 'HTTP/1.1 100 Continue\r\n\r\n')
  t.equal(orders.received.length, 0)
  client.write('body')
  await once(client, 'close')
  t.same(statuses(answer()), [100, 200])
  t.match(orders.received, [{ body: 'body', headers: { 'content-length': '4' } }])
  t.equal(orders.received[0]?.headers.expect, undefined)
})

t.test('a service that does not read stops the client’s upload, and the gateway keeps little of it', async t => {
  const authority = await makeAuthority()
  const { certificate, privateKey } = await authority.issue({ names: [ORDER_SERVICE] })
  const sockets: TLSSocket[] = []
  const service = createServer({ cert: certificate, key: privateKey }, socket => {
    socket.pause()
    sockets.push(socket)
  }).listen(0, '127.0.0.1')
  await once(service, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    service.close()
  })
  const { port: servicePort } = service.address() as AddressInfo
  const total = 64 * MEBIBYTE
  const { port } = await startEdge(t, {
    table: () => oneRoute()(`https://${ORDER_SERVICE}:${servicePort}`),
    settings: { maxBodyBytes: total, upstreamTimeoutMs: 60_000, answerTimeoutMs: 120_000 },
    agent: { ca: authority.certificate }
  })
  const client = connect(port, '127.0.0.1')
  const answer = reading(client)
  const block = Buffer.alloc(MEBIBYTE, 'x')
  client.write(rawRequest('PUT /orders HTTP/1.1', ['Content-Type: text/plain', `Content-Length: ${total}`]))
  let sent = 0
  const upload = (async () => {
    while (sent < total) {
      if (!client.write(block)) await once(client, 'drain')
      sent += block.byteLength
    }
  })()
  const before = process.memoryUsage().arrayBuffers
  // Until nothing moves any more; on a slow machine that is seen too early at worst, and never too late.
  for (let last = -1, unchanged = 0; unchanged < 25;) {
    await delay(20)
    unchanged = sent === last && sockets.length > 0 ? unchanged + 1 : 0
    last = sent
  }
  t.ok(sent < total / 2, `${sent / MEBIBYTE} MiB have left the client, what the buffers of the sockets take among them`)
  t.ok(process.memoryUsage().arrayBuffers - before < total / 2)
  const [socket] = sockets
  let received = 0
  socket?.on('data', (chunk: Buffer) => {
    received += chunk.byteLength
    if (received >= total) socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok')
  })
  socket?.resume()
  await upload
  await once(client, 'close')
  t.same(statuses(answer()), [200])
  t.ok(received >= total, 'all of it arrives')
})
