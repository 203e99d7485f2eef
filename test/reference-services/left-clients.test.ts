// How long a client waits is known in every service, and a client that leaves takes all calls along.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { DEMO_RESTAURANTS } from '@sallyport/service-kit/demo'
import t from 'tap'
import { until } from '../support/edge.ts'
import { edgeCredential, startBehindEdge } from './support/behind-edge.ts'
import type { TestService } from './support/services.ts'

const [anchor] = DEMO_RESTAURANTS
const NEW_ORDER = JSON.stringify({
  restaurantId: anchor.restaurantId,
  lines: [{ menuItemId: anchor.items[0]!.menuItemId, quantity: 1 }],
  deliveryAddress: '1 Harbour Street'
})

/** A request at a service, and whether its caller closed the connection before there was an answer. */
interface WatchedRequest {
  readonly timeoutMs: number
  left: boolean
}

function watch({ app }: TestService): WatchedRequest[] {
  const watched: WatchedRequest[] = []
  app.server.on('request', ({ headers }: IncomingMessage, response: ServerResponse) => {
    const each = { timeoutMs: Number(headers['sallyport-timeout-ms']), left: false }
    watched.push(each)
    response.once('close', () => {
      each.left = !response.writableFinished
    })
  })
  return watched
}

t.test(
  'a client that leaves ends its request at the service behind the service, which knew how long it waits',
  async t => {
    const { edge, orders, restaurants } = await startBehindEdge(t, { upstreamTimeoutMs: 15_000 })
    const atOrders = watch(orders)
    const atRestaurants = watch(restaurants)
    const lock = await restaurants.owner.transaction()
    t.after(() => lock.rollback())
    await lock.raw('lock table menu_items in access exclusive mode')

    const { authorization } = await edgeCredential('customer1')
    const client = connect(edge.port, '127.0.0.1')
    const fields = [
      'Host: a',
      `Authorization: ${authorization}`,
      'Content-Type: application/json',
      'Sallyport-Timeout-Ms: 1',
      `Content-Length: ${NEW_ORDER.length}`
    ]
    client.write(`POST /orders HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n${NEW_ORDER}`)
    await until(() => atRestaurants.length === 1)
    const [atOrder] = atOrders
    const [atRestaurant] = atRestaurants
    t.ok((atOrder?.timeoutMs ?? 0) > 1 && (atOrder?.timeoutMs ?? 0) <= 15_000, 'what is left of the time at the edge')
    t.ok(
      (atRestaurant?.timeoutMs ?? 0) > 1 && (atRestaurant?.timeoutMs ?? 0) <= (atOrder?.timeoutMs ?? 0),
      'and of that'
    )
    t.notOk(atOrder?.left === true || atRestaurant?.left === true)

    client.destroy()
    await until(() => atOrder?.left === true && atRestaurant?.left === true)
    t.equal(atRestaurants.length, 1, 'nothing else is asked')
  }
)
