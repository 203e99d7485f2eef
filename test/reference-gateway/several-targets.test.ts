import t from 'tap'
import { request } from 'undici'
import { GOOD, orderRoute, startEdge } from '../support/edge.ts'

t.test(
  'targets over TLS are each verified for their own name, and called by it; one that is none is left out',
  async t => {
    const { app, url, orders, deliveries } = await startEdge(t, {
      table: origin => ({ upstreams: { orders: { origin } }, routes: [] })
    })
    const table = (...origins: readonly string[]) => ({
      upstreams: {
        orders: {
          targets: origins.map(origin => ({ origin })),
          retries: { burst: 100, backoffMs: 1 },
          ejection: { connectFailures: 1, durationMs: 60_000 }
        }
      },
      routes: [orderRoute()]
    })
    const ask = async (times: number): Promise<number[]> => {
      const statuses: number[] = []
      for (let time = 0; time < times; time++) {
        const { statusCode, body } = await request(`${url}/orders`, { headers: GOOD })
        await body.dump()
        statuses.push(statusCode)
      }
      return statuses
    }
    app.forwarding.replace(table(orders.origin, deliveries.origin))
    t.same(await ask(4), [200, 200, 200, 200])
    t.same(
      [orders, deliveries].map(({ origin, received }) =>
        received.every(
          ({ headers }) =>
            headers.host === new URL(origin).host && headers.authorization === 'Bearer token-for-order-service'
        )
      ),
      [true, true]
    )
    t.same([orders.received.length, deliveries.received.length], [2, 2])

    // The name of one service at the port of another one: its certificate does not prove that.
    const wrong = `https://${new URL(orders.origin).hostname}:${deliveries.port}`
    app.forwarding.replace(table(wrong, orders.origin))
    t.same(await ask(4), [200, 200, 200, 200], 'the other target has answered')
    t.equal(deliveries.received.length, 2, 'nothing reached the one that is not trusted')
  }
)
