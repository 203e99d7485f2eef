import { headHook } from '@sallyport/security-context'
import t from 'tap'
import { until } from '../../../support/edge.ts'
import { startForwarding } from '../../../support/forwarding/forwarding-app.ts'
import { openClient, refusalOf, startSocketService } from './support/socket-service.ts'

const EDGE = 'https://edge.example'

t.test('messages pass both ways, and the request ends with the WebSocket', async t => {
  const service = await startSocketService(t)
  const { url, ends } = await startForwarding(t, { service, route: { webSocket: {} } })
  const { socket, messages, closed } = await openClient(`${url}/orders/7?x=1`, { origin: EDGE })
  socket.send('one')
  socket.send('two')
  await until(() => messages.length === 2)
  t.same(messages, ['one', 'two'])
  t.equal(ends.length, 0, 'it is under way')
  socket.close(1000, 'done')
  t.same(await closed, [1000, 'done'])
  await until(() => ends.length === 1)
  t.match(ends, [{ method: 'GET', status: 101, events: [] }])
  t.same(service.codes, [1000])
})
