import { connect } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { measurementsOf } from '@sallyport/security-context'
import t from 'tap'
import { startForwarding } from '../../support/forwarding/forwarding-app.ts'
import { handshakeText } from '../../support/forwarding/socket-service.ts'

/** Lets every request wait, as for a token that has to be introspected. */
const SLOW_CALLER = {
  before: (app: { addHook: (name: 'onRequest', hook: () => Promise<void>) => unknown }) =>
    app.addHook('onRequest', async () => {
      await setTimeout(80)
    })
}

t.test('a request whose client has left before it can be sent is not sent', async t => {
  for (const step of ['lean', 'ordinary'] as const) {
    const { port, service, ends, underWay } = await startForwarding(t, { step, ...SLOW_CALLER })
    const client = connect(port, '127.0.0.1')
    client.write('GET /orders/1 HTTP/1.1\r\nHost: a\r\n\r\n')
    await setTimeout(30)
    client.destroy()
    await setTimeout(150)
    t.equal(service.received.length, 0, step)
    t.equal(underWay(), 0)
    t.match(ends, [{ method: 'GET', status: 499, events: [] }], `${step}: it is over for logs and metrics`)
  }
})

t.test('a WebSocket whose client has left before it can be opened takes no place', async t => {
  const { port, service, app } = await startForwarding(t, {
    ...SLOW_CALLER,
    route: { webSocket: {} }
  })
  const client = connect(port, '127.0.0.1')
  client.write(handshakeText())
  await setTimeout(30)
  client.destroy()
  await setTimeout(150)
  const open = measurementsOf(app).find(({ name }) => name === 'sallyport_web_sockets_open')
  t.same(await open?.read(), [])
  t.equal(service.received.length, 0)
})
