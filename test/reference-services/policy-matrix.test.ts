// Every route of every service × every kind of caller.
import { readFileSync } from 'node:fs'
import { DEMO_ORDERS, DEMO_RESTAURANTS } from '@sallyport/service-kit/demo'
import t, { type Test } from 'tap'
import { startStack } from './support/stack.ts'
import { as, USERS, type TestService, type Username } from './support/services.ts'

type Method = 'GET' | 'POST' | 'PUT'
type Status = number
/** Who calls; `owner` last but one, because it may change the resource. */
interface Row {
  readonly route: `${Method} /${string}`
  readonly url: string
  readonly body?: object
  /** Callers of the kind; a route without such a caller leaves it out. */
  readonly wrongRole?: Username
  readonly wrongActor?: { user: Username; actor: string }
  readonly wrongScope: { user: Username; scope: string; actor?: string }
  readonly stranger?: { user: Username; status: Status; actor?: string }
  readonly owner: { user: Username; status: Status; actor?: string }
  readonly admin: Status
}

const [open, , assigned, pickedUp] = DEMO_ORDERS as readonly [Order, Order, Order, Order]
const [anchor, bellini] = DEMO_RESTAURANTS
type Order = (typeof DEMO_ORDERS)[number]
const uuid = (number: number): string => `20000000-0000-4000-8000-00000000000${number}`
const newTicket = {
  orderId: uuid(1),
  customerId: USERS.customer1.subject,
  restaurantId: anchor.restaurantId,
  lines: [{ menuItemId: anchor.items[0]!.menuItemId, quantity: 1 }],
  deliveryAddress: 'here'
}

const MATRIX: Readonly<Record<'orders' | 'restaurants' | 'deliveries', readonly Row[]>> = {
  orders: [
    {
      route: 'POST /orders',
      url: '/orders',
      body: {
        restaurantId: anchor.restaurantId,
        lines: [{ menuItemId: anchor.items[0]!.menuItemId, quantity: 1 }],
        deliveryAddress: 'here'
      },
      wrongRole: 'courier1',
      wrongScope: { user: 'customer1', scope: 'orders:read restaurants:read restaurants:write' },
      owner: { user: 'customer1', status: 201 },
      admin: 403
    },
    {
      route: 'GET /orders',
      url: '/orders',
      wrongRole: 'courier1',
      wrongScope: { user: 'customer1', scope: 'orders:write' },
      owner: { user: 'customer1', status: 200 },
      admin: 200
    },
    {
      route: 'GET /orders/:orderId',
      url: `/orders/${open.orderId}`,
      wrongRole: 'restaurant1',
      wrongScope: { user: 'customer1', scope: 'orders:write' },
      stranger: { user: 'customer2', status: 404 },
      owner: { user: 'customer1', status: 200 },
      admin: 200
    },
    {
      route: 'POST /orders/:orderId/cancel',
      url: `/orders/${open.orderId}/cancel`,
      wrongRole: 'restaurant1',
      wrongScope: { user: 'customer1', scope: 'orders:read' },
      stranger: { user: 'customer2', status: 404 },
      owner: { user: 'customer1', status: 200 },
      admin: 200
    },
    {
      route: 'GET /audit',
      url: '/audit',
      wrongRole: 'customer1',
      wrongScope: { user: 'admin1', scope: 'orders:read' },
      owner: { user: 'admin1', status: 200 },
      admin: 200
    }
  ],
  restaurants: [
    {
      route: 'GET /restaurants',
      url: '/restaurants',
      wrongScope: { user: 'customer1', scope: 'orders:read' },
      owner: { user: 'customer1', status: 200 },
      admin: 200
    },
    {
      route: 'GET /restaurants/:restaurantId/menu',
      url: `/restaurants/${anchor.restaurantId}/menu`,
      wrongScope: { user: 'customer1', scope: 'restaurants:write' },
      owner: { user: 'customer1', status: 200 },
      admin: 200
    },
    {
      route: 'PUT /restaurants/:restaurantId/menu',
      url: `/restaurants/${bellini.restaurantId}/menu`,
      body: { items: [{ name: 'Marinara', priceCents: 950 }] },
      wrongRole: 'customer1',
      wrongScope: { user: 'restaurant2', scope: 'restaurants:read' },
      stranger: { user: 'restaurant1', status: 404 },
      owner: { user: 'restaurant2', status: 200 },
      admin: 200
    },
    {
      route: 'GET /restaurants/:restaurantId/tickets',
      url: `/restaurants/${anchor.restaurantId}/tickets`,
      wrongRole: 'customer1',
      wrongScope: { user: 'restaurant1', scope: 'restaurants:write' },
      stranger: { user: 'restaurant2', status: 404 },
      owner: { user: 'restaurant1', status: 200 },
      admin: 200
    },
    {
      route: 'POST /tickets',
      url: '/tickets',
      body: newTicket,
      wrongRole: 'restaurant1',
      wrongActor: { user: 'customer1', actor: 'delivery-service' },
      wrongScope: { user: 'customer1', scope: 'restaurants:read orders:read', actor: 'order-service' },
      stranger: { user: 'customer2', status: 404, actor: 'order-service' },
      owner: { user: 'customer1', status: 201, actor: 'order-service' },
      admin: 403
    },
    {
      route: 'POST /tickets/:ticketId/accept',
      url: `/tickets/${assigned.ticketId}/accept`,
      wrongRole: 'customer1',
      wrongScope: { user: 'restaurant1', scope: 'restaurants:read' },
      stranger: { user: 'restaurant2', status: 404 },
      owner: { user: 'restaurant1', status: 200 },
      admin: 200
    },
    {
      route: 'POST /tickets/:ticketId/cancel',
      url: `/tickets/${open.ticketId}/cancel`,
      wrongRole: 'restaurant1',
      wrongActor: { user: 'customer1', actor: 'delivery-service' },
      wrongScope: { user: 'customer1', scope: 'restaurants:write orders:read', actor: 'order-service' },
      stranger: { user: 'customer2', status: 404, actor: 'order-service' },
      owner: { user: 'customer1', status: 200, actor: 'order-service' },
      admin: 403
    },
    {
      route: 'GET /audit',
      url: '/audit',
      wrongRole: 'restaurant1',
      wrongScope: { user: 'admin1', scope: 'restaurants:read' },
      owner: { user: 'admin1', status: 200 },
      admin: 200
    }
  ],
  deliveries: [
    {
      route: 'GET /deliveries',
      url: '/deliveries',
      wrongRole: 'customer1',
      wrongScope: { user: 'courier1', scope: 'deliveries:write' },
      owner: { user: 'courier1', status: 200 },
      admin: 200
    },
    {
      route: 'POST /deliveries',
      url: '/deliveries',
      body: { ticketId: uuid(2), orderId: uuid(3), restaurantId: anchor.restaurantId, deliveryAddress: 'here' },
      wrongRole: 'courier1',
      wrongActor: { user: 'restaurant1', actor: 'order-service' },
      wrongScope: { user: 'restaurant1', scope: 'deliveries:write restaurants:read', actor: 'restaurant-service' },
      owner: { user: 'restaurant1', status: 201, actor: 'restaurant-service' },
      admin: 403
    },
    {
      route: 'POST /deliveries/:deliveryId/accept',
      url: `/deliveries/${assigned.deliveryId}/accept`,
      wrongRole: 'customer1',
      wrongScope: { user: 'courier1', scope: 'deliveries:read' },
      stranger: { user: 'courier2', status: 404 },
      owner: { user: 'courier1', status: 200 },
      admin: 403
    },
    {
      route: 'POST /deliveries/:deliveryId/pickup',
      url: `/deliveries/${assigned.deliveryId}/pickup`,
      wrongRole: 'customer1',
      wrongScope: { user: 'courier1', scope: 'deliveries:read' },
      stranger: { user: 'courier2', status: 404 },
      owner: { user: 'courier1', status: 200 },
      admin: 403
    },
    {
      route: 'POST /deliveries/:deliveryId/deliver',
      url: `/deliveries/${pickedUp.deliveryId}/deliver`,
      wrongRole: 'customer1',
      wrongScope: { user: 'courier2', scope: 'deliveries:read' },
      stranger: { user: 'courier1', status: 404 },
      owner: { user: 'courier2', status: 200 },
      admin: 403
    },
    {
      route: 'GET /audit',
      url: '/audit',
      wrongRole: 'courier1',
      wrongScope: { user: 'admin1', scope: 'deliveries:read' },
      owner: { user: 'admin1', status: 200 },
      admin: 200
    }
  ]
}
const AUDIENCES = {
  orders: 'order-service',
  restaurants: 'restaurant-service',
  deliveries: 'delivery-service'
} as const

t.test('each route answers each kind of caller as its policy says', async t => {
  const stack = await startStack(t)
  for (const name of ['orders', 'restaurants', 'deliveries'] as const) {
    for (const row of MATRIX[name]) {
      await t.test(`${AUDIENCES[name]}: ${row.route}`, t => checkRow(t, stack[name], AUDIENCES[name], row))
    }
  }
})

async function checkRow(t: Test, service: TestService, audience: string, row: Row): Promise<void> {
  const call = async (headers: Record<string, string>): Promise<number> => {
    const method = row.route.split(' ')[0] as Method
    const answer = await service.app.inject({
      method,
      url: row.url,
      headers,
      ...(row.body !== undefined && { payload: row.body })
    })
    return answer.statusCode
  }
  t.equal(await call({}), 401, 'no token')
  t.equal(
    await call(await as(row.owner.user, 'sallyport-gateway', actorOf(row.owner))),
    401,
    'a token for another audience'
  )
  // Refused for the role and for nothing else: who acts is right.
  if (row.wrongRole !== undefined) {
    t.equal(await call(await as(row.wrongRole, audience, actorOf(row.owner))), 403, `${row.wrongRole} has another role`)
  }
  if (row.wrongActor !== undefined) {
    t.equal(await call(await as(row.wrongActor.user, audience, row.wrongActor)), 403, 'another service acts')
  }
  t.equal(await call(await as(row.wrongScope.user, audience, row.wrongScope)), 403, 'the scope is missing')
  if (row.stranger !== undefined) {
    t.equal(await call(await as(row.stranger.user, audience, actorOf(row.stranger))), row.stranger.status, 'a stranger')
  }
  t.equal(await call(await as(row.owner.user, audience, actorOf(row.owner))), row.owner.status, 'the owner')
  t.equal(await call(await as('admin1', audience)), row.admin, 'an administrator')
}

function actorOf({ actor }: { actor?: string }): { actor?: string } {
  return actor === undefined ? {} : { actor }
}

t.test('the matrix and the READMEs have every route of every service', async t => {
  const stack = await startStack(t)
  for (const name of ['orders', 'restaurants', 'deliveries'] as const) {
    const printed = routesOf(stack[name].app.printRoutes({ commonPrefix: false }))
    t.same(MATRIX[name].map(({ route }) => route).toSorted(), printed.toSorted(), AUDIENCES[name])
    const readme = readFileSync(
      new URL(`../../reference-services/${AUDIENCES[name]}/README.md`, import.meta.url),
      'utf8'
    )
    t.same(
      [...readme.matchAll(/^\| `((?:GET|POST|PUT) [^`]+)` \|/gm)].map(([, route]) => route).toSorted(),
      printed.toSorted(),
      `README of ${AUDIENCES[name]}`
    )
  }
})

/** The routes of a printed tree without common prefixes: `METHOD /path`, HEAD left out. */
function routesOf(tree: string): string[] {
  const path: string[] = []
  return tree.split('\n').flatMap(line => {
    const [, indent = '', text] = /^([│ ]*)[├└]── (.*)$/.exec(line) ?? []
    if (text === undefined) return []
    const [, segment = text, methods = ''] = /^(.*?) \(([A-Z, ]+)\)$/.exec(text) ?? []
    path.length = indent.length / 4
    path.push(segment)
    return methods
      .split(', ')
      .filter(method => method !== '' && method !== 'HEAD')
      .map(method => `${method} ${path.join('')}`)
  })
}
