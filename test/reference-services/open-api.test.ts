// What the OpenAPI documents say about access, and what caches may keep.
import { authorizationMatrix } from '@sallyport/authorization'
import t from 'tap'
import { startStack } from './support/stack.ts'
import { as } from './support/services.ts'

interface Operation {
  readonly security?: ReadonlyArray<Record<string, string[]>>
  readonly 'x-access'?: string
  readonly parameters?: ReadonlyArray<{ readonly in: string; readonly name: string; readonly required?: boolean }>
}
interface Document {
  readonly security?: unknown
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

/** The scopes of each route, by hand: alternatives are separated by a bar. */
const SCOPES = {
  orders: {
    'POST /orders': 'orders:write',
    'GET /orders': 'orders:read',
    'GET /orders/:orderId': 'orders:read',
    'POST /orders/:orderId/cancel': 'orders:write',
    'GET /audit': 'audit:read',
    'GET /audit/personal': 'audit:personal',
    'GET /audit/live': 'audit:read',
    'GET /audit/export': 'audit:read'
  },
  restaurants: {
    'GET /restaurants': 'restaurants:read',
    'GET /restaurants/:restaurantId/menu': 'restaurants:read',
    'PUT /restaurants/:restaurantId/menu': 'restaurants:write',
    'GET /restaurants/:restaurantId/tickets': 'restaurants:read',
    'GET /tickets/of-order/:orderId': 'restaurants:read',
    'POST /tickets': 'orders:write | tickets:recover',
    'POST /tickets/:ticketId/accept': 'restaurants:write',
    'POST /tickets/:ticketId/cancel': 'orders:write | tickets:recover',
    'GET /audit': 'audit:read',
    'GET /audit/personal': 'audit:personal',
    'GET /audit/live': 'audit:read',
    'GET /audit/export': 'audit:read'
  },
  deliveries: {
    'GET /deliveries': 'deliveries:read',
    'GET /deliveries/of-order/:orderId': 'deliveries:read',
    'POST /deliveries': 'restaurants:write | deliveries:recover',
    'POST /deliveries/:deliveryId/accept': 'deliveries:write',
    'POST /deliveries/:deliveryId/pickup': 'deliveries:write',
    'POST /deliveries/:deliveryId/deliver': 'deliveries:write',
    'GET /audit': 'audit:read',
    'GET /audit/personal': 'audit:personal',
    'GET /audit/live': 'audit:read',
    'GET /audit/export': 'audit:read'
  }
} as const

t.test('the OpenAPI document of each service says for every route what is enforced', async t => {
  const stack = await startStack(t)
  for (const name of ['orders', 'restaurants', 'deliveries'] as const) {
    const { app } = stack[name]
    const document: Document = (await app.operations.inject('/openapi.json')).json()
    t.equal(document.security, undefined, 'no default that a route could forget')
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(
        ([method, operation]) => [`${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`, operation] as const
      )
    )
    t.same(
      Object.fromEntries(
        described.map(([route, { security = [] }]) => [
          route,
          security.map(({ accessToken = [] }) => accessToken.join(' ')).join(' | ')
        ])
      ),
      SCOPES[name],
      name
    )
    const declared = authorizationMatrix(app)
      .trimEnd()
      .split('\n')
      .map(line => line.split(/ {2,}/))
    t.same(
      new Map(described.map(([route, operation]) => [route, operation['x-access']])),
      new Map(declared.map(([route, access]) => [route, access])),
      `${name}: the policies`
    )
  }
})

t.test('the OpenAPI documents name the Idempotency-Key where it has one effect, and nowhere else', async t => {
  const stack = await startStack(t)
  const found: string[] = []
  for (const name of ['orders', 'restaurants', 'deliveries'] as const) {
    const document: Document = (await stack[name].app.operations.inject('/openapi.json')).json()
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, { parameters = [] }] of Object.entries(methods)) {
        const headers = parameters.filter(parameter => parameter.in === 'header')
        const named = headers.map(({ name: header, required = false }) => `${header} ${required}`)
        if (named.length > 0) found.push(`${method.toUpperCase()} ${path} ${named.join()}`)
      }
    }
  }
  t.same(found.toSorted(), [
    'POST /deliveries idempotency-key false',
    'POST /orders idempotency-key false',
    'POST /tickets idempotency-key false',
    'PUT /restaurants/{restaurantId}/menu idempotency-key false'
  ])
})

t.test('orders, tickets, deliveries and refusals are kept in no cache', async t => {
  const { orders, restaurants, deliveries } = await startStack(t)
  const [order] = await orders.owner('orders').where({ state: 'APPROVED' })
  const asked = [
    [orders, 'order-service', '/orders'],
    [orders, 'order-service', `/orders/${order.order_id}`],
    [orders, 'order-service', '/audit'],
    [restaurants, 'restaurant-service', '/restaurants'],
    [restaurants, 'restaurant-service', `/restaurants/${order.restaurant_id}/tickets`],
    [deliveries, 'delivery-service', '/deliveries']
  ] as const
  for (const [service, audience, url] of asked) {
    const answer = await service.app.inject({ url, headers: await as('admin1', audience) })
    t.same([answer.statusCode, answer.headers['cache-control']], [200, 'no-store'], url)
    t.same((await service.app.inject(url)).headers['cache-control'], 'no-store', `${url}: 401`)
  }
  t.equal((await orders.app.inject({ url: '/nowhere' })).headers['cache-control'], 'no-store')
})
