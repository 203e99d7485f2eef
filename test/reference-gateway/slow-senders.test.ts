import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { GOOD, startEdge } from '../support/edge.ts'

const SLOW = 60

/** Connections that have each sent `text` and send no more. */
async function slowSenders(t: Test, port: number, text: string): Promise<Socket[]> {
  const sockets = Array.from({ length: SLOW }, () => connect(port, '127.0.0.1'))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  for (const socket of sockets) socket.on('error', () => {})
  await Promise.all(
    sockets.map(async socket => {
      await once(socket, 'connect')
      await new Promise<void>(resolve => {
        socket.write(text, () => resolve())
      })
    })
  )
  return sockets
}

t.test('G-09: sixty senders of half a head and sixty of half a body keep nobody else from an answer', async t => {
  const { app, port, url, orders } = await startEdge(t)
  const accepted = async (): Promise<number> =>
    await new Promise((resolve, reject) => {
      app.server.getConnections((error, count) => {
        if (error === null) resolve(count)
        else reject(error)
      })
    })
  const half = ['POST /orders HTTP/1.1', 'Host: localhost', `Authorization: ${GOOD.authorization}`]
  const heads = await slowSenders(t, port, half.join('\r\n'))
  const bodies = await slowSenders(
    t,
    port,
    [...half, 'Content-Type: application/json', 'Content-Length: 100', '', '{"half":'].join('\r\n')
  )
  while ((await accepted()) < 2 * SLOW) await new Promise(resolve => setImmediate(resolve))
  for (let n = 0; n < 20; n++) t.equal((await fetch(`${url}/orders`, { headers: GOOD })).status, 200)
  t.equal(
    [...heads, ...bodies].filter(socket => !socket.closed && !socket.readableEnded).length,
    2 * SLOW,
    'all of them are still there'
  )
  t.equal(orders.received.filter(({ method }) => method === 'GET').length, 20)
})
