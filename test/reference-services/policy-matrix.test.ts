// Every route of every service × every kind of caller.
import { readFileSync } from 'node:fs'
import { DEMO_ORDERS, DEMO_RESTAURANTS } from '@sallyport/service-kit/demo'
import t, { type Test } from 'tap'
import { startStack } from './support/stack.ts'
import { startServer } from './configuration-server/support/configuration-server.ts'
import { as, USERS, type TestService, type Username } from './support/services.ts'

type Method = 'GET' | 'POST' | 'PUT'
type Status = number
/** A caller, and what the answer is; without a scope, with those of the demo. */
interface Caller {
  readonly user: Username
  readonly status: Status
  readonly actor?: string
  readonly scope?: string
}

/** Who calls; `owner` last but one, because it may change the resource. */
interface Row {
  readonly route: `${Method} /${string}`
  readonly url: string
  readonly body?: object
  readonly headers?: Readonly<Record<string, string>>
  /** Callers of the kind; a route without such a caller leaves it out. */
  readonly wrongRole?: Username | { user: Username; scope: string }
  readonly wrongActor?: { user: Username; actor: string }
  readonly wrongScope: { user: Username; scope: string; actor?: string }
  readonly stranger?: Caller
  readonly owner: Caller
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

const MATRIX: Readonly<Record<keyof typeof AUDIENCES, readonly Row[]>> = {
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
    },
    {
      route: 'GET /audit/personal',
      url: '/audit/personal',
      wrongRole: { user: 'customer1', scope: 'audit:personal' },
      wrongScope: { user: 'admin1', scope: 'audit:read' },
      owner: { user: 'admin1', scope: 'audit:personal', status: 200 },
      admin: 403
    },
    {
      // What is asked is wrong, because the answer would not end.
      route: 'GET /audit/live',
      url: '/audit/live?after=x',
      wrongRole: 'customer1',
      wrongScope: { user: 'admin1', scope: 'orders:read' },
      owner: { user: 'admin1', status: 400 },
      admin: 400
    },
    {
      route: 'GET /audit/export',
      url: '/audit/export',
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
      route: 'GET /tickets/of-order/:orderId',
      url: `/tickets/of-order/${open.orderId}`,
      wrongRole: 'courier1',
      wrongScope: { user: 'customer1', scope: 'restaurants:write orders:read' },
      stranger: { user: 'customer2', status: 404 },
      owner: { user: 'customer1', status: 200 },
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
    },
    {
      route: 'GET /audit/personal',
      url: '/audit/personal',
      wrongRole: { user: 'customer1', scope: 'audit:personal' },
      wrongScope: { user: 'admin1', scope: 'audit:read' },
      owner: { user: 'admin1', scope: 'audit:personal', status: 200 },
      admin: 403
    },
    {
      // What is asked is wrong, because the answer would not end.
      route: 'GET /audit/live',
      url: '/audit/live?after=x',
      wrongRole: 'restaurant1',
      wrongScope: { user: 'admin1', scope: 'restaurants:read' },
      owner: { user: 'admin1', status: 400 },
      admin: 400
    },
    {
      route: 'GET /audit/export',
      url: '/audit/export',
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
      route: 'GET /deliveries/of-order/:orderId',
      url: `/deliveries/of-order/${pickedUp.orderId}`,
      wrongRole: 'restaurant1',
      wrongScope: { user: 'customer2', scope: 'deliveries:write orders:read' },
      stranger: { user: 'customer1', status: 404 },
      owner: { user: 'customer2', status: 200 },
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
    },
    {
      route: 'GET /audit/personal',
      url: '/audit/personal',
      wrongRole: { user: 'customer1', scope: 'audit:personal' },
      wrongScope: { user: 'admin1', scope: 'audit:read' },
      owner: { user: 'admin1', scope: 'audit:personal', status: 200 },
      admin: 403
    },
    {
      // What is asked is wrong, because the answer would not end.
      route: 'GET /audit/live',
      url: '/audit/live?after=x',
      wrongRole: 'courier1',
      wrongScope: { user: 'admin1', scope: 'deliveries:read' },
      owner: { user: 'admin1', status: 400 },
      admin: 400
    },
    {
      route: 'GET /audit/export',
      url: '/audit/export',
      wrongRole: 'courier1',
      wrongScope: { user: 'admin1', scope: 'deliveries:read' },
      owner: { user: 'admin1', status: 200 },
      admin: 200
    }
  ],
  // An administrator of the demo has no scope of this service; an application with its own token is in
  // configuration-server/environments.test.ts.
  configurations: [
    {
      route: 'PUT /admin/configurations/:application/:profile/:label',
      url: '/admin/configurations/orders/default/main',
      body: { values: { limit: 1 } },
      headers: { 'if-none-match': '*' },
      wrongRole: { user: 'customer1', scope: 'config:write' },
      wrongScope: { user: 'admin1', scope: 'config:read' },
      owner: { user: 'admin1', status: 200, scope: 'config:write' },
      admin: 403
    },
    {
      route: 'POST /admin/configurations/:application/:profile/:label/rollback',
      url: '/admin/configurations/orders/default/main/rollback',
      body: { version: 1 },
      headers: { 'if-match': '"1"' },
      wrongRole: { user: 'customer1', scope: 'config:write' },
      wrongScope: { user: 'admin1', scope: 'config:read' },
      owner: { user: 'admin1', status: 200, scope: 'config:write' },
      admin: 403
    },
    {
      route: 'GET /admin/configurations',
      url: '/admin/configurations',
      wrongRole: { user: 'customer1', scope: 'config:read' },
      wrongScope: { user: 'admin1', scope: 'config:write' },
      owner: { user: 'admin1', status: 200, scope: 'config:read' },
      admin: 403
    },
    {
      route: 'GET /admin/configurations/:application/:profile/:label',
      url: '/admin/configurations/orders/default/main',
      wrongRole: { user: 'customer1', scope: 'config:read' },
      wrongScope: { user: 'admin1', scope: 'config:write' },
      owner: { user: 'admin1', status: 200, scope: 'config:read' },
      admin: 403
    },
    {
      route: 'GET /admin/configurations/:application/:profile/:label/versions',
      url: '/admin/configurations/orders/default/main/versions',
      wrongRole: { user: 'customer1', scope: 'config:read' },
      wrongScope: { user: 'admin1', scope: 'config:write' },
      owner: { user: 'admin1', status: 200, scope: 'config:read' },
      admin: 403
    },
    {
      route: 'GET /admin/configurations/:application/:profile/:label/versions/:version',
      url: '/admin/configurations/orders/default/main/versions/1',
      wrongRole: { user: 'customer1', scope: 'config:read' },
      wrongScope: { user: 'admin1', scope: 'config:write' },
      owner: { user: 'admin1', status: 200, scope: 'config:read' },
      admin: 403
    },
    {
      route: 'GET /admin/configurations/:application/:profile/:label/diff',
      url: '/admin/configurations/orders/default/main/diff?from=1&to=1',
      wrongRole: { user: 'customer1', scope: 'config:read' },
      wrongScope: { user: 'admin1', scope: 'config:write' },
      owner: { user: 'admin1', status: 200, scope: 'config:read' },
      admin: 403
    },
    {
      route: 'GET /:application/:profile',
      url: '/orders/default',
      stranger: { user: 'customer1', status: 404, scope: 'config:read' },
      wrongScope: { user: 'admin1', scope: 'config:write' },
      owner: { user: 'admin1', status: 200, scope: 'config:read' },
      admin: 403
    },
    {
      route: 'GET /:application/:profile/:label',
      url: '/orders/default/main',
      stranger: { user: 'customer1', status: 404, scope: 'config:read' },
      wrongScope: { user: 'admin1', scope: 'config:write' },
      owner: { user: 'admin1', status: 200, scope: 'config:read' },
      admin: 403
    },
    {
      route: 'GET /:application/:profile/:label/changes',
      url: '/orders/default/main/changes',
      stranger: { user: 'customer1', status: 404, scope: 'config:read' },
      wrongScope: { user: 'admin1', scope: 'config:write' },
      owner: { user: 'admin1', status: 200, scope: 'config:read' },
      admin: 403
    },
    {
      route: 'GET /audit',
      url: '/audit',
      wrongRole: 'customer1',
      wrongScope: { user: 'admin1', scope: 'config:read' },
      owner: { user: 'admin1', status: 200 },
      admin: 200
    },
    {
      route: 'GET /audit/personal',
      url: '/audit/personal',
      wrongRole: { user: 'customer1', scope: 'audit:personal' },
      wrongScope: { user: 'admin1', scope: 'audit:read' },
      owner: { user: 'admin1', scope: 'audit:personal', status: 200 },
      admin: 403
    },
    {
      // What is asked is wrong, because the answer would not end.
      route: 'GET /audit/live',
      url: '/audit/live?after=x',
      wrongRole: 'customer1',
      wrongScope: { user: 'admin1', scope: 'config:read' },
      owner: { user: 'admin1', status: 400 },
      admin: 400
    },
    {
      route: 'GET /audit/export',
      url: '/audit/export',
      wrongRole: 'customer1',
      wrongScope: { user: 'admin1', scope: 'config:read' },
      owner: { user: 'admin1', status: 200 },
      admin: 200
    }
  ]
}
const AUDIENCES = {
  orders: 'order-service',
  restaurants: 'restaurant-service',
  deliveries: 'delivery-service',
  configurations: 'configuration-server'
} as const

const SERVICE_NAMES = Object.keys(AUDIENCES) as Array<keyof typeof AUDIENCES>

/** Streams of changes end at once. */
async function startServices(t: Test): Promise<Record<keyof typeof AUDIENCES, TestService>> {
  return { ...(await startStack(t)), configurations: await startServer(t, { longestStreamMs: 1 }) }
}

t.test('each route answers each kind of caller as its policy says', async t => {
  const services = await startServices(t)
  for (const name of SERVICE_NAMES) {
    for (const row of MATRIX[name]) {
      await t.test(`${AUDIENCES[name]}: ${row.route}`, t => checkRow(t, services[name], AUDIENCES[name], row))
    }
  }
})

async function checkRow(t: Test, service: TestService, audience: string, row: Row): Promise<void> {
  const call = async (headers: Record<string, string>): Promise<number> => {
    const method = row.route.split(' ')[0] as Method
    const answer = await service.app.inject({
      method,
      url: row.url,
      headers: { ...row.headers, ...headers },
      ...(row.body !== undefined && { payload: row.body })
    })
    return answer.statusCode
  }
  t.equal(await call({}), 401, 'no token')
  t.equal(
    await call(await as(row.owner.user, 'sallyport-gateway', tokenOf(row.owner))),
    401,
    'a token for another audience'
  )
  // Refused for the role and for nothing else: who acts is right.
  if (row.wrongRole !== undefined) {
    const { user, scope } =
      typeof row.wrongRole === 'object' ? row.wrongRole : { user: row.wrongRole, scope: undefined }
    const token = { ...tokenOf(row.owner), ...(scope !== undefined && { scope }) }
    t.equal(await call(await as(user, audience, token)), 403, `${user} has another role`)
  }
  if (row.wrongActor !== undefined) {
    t.equal(await call(await as(row.wrongActor.user, audience, row.wrongActor)), 403, 'another service acts')
  }
  t.equal(await call(await as(row.wrongScope.user, audience, row.wrongScope)), 403, 'the scope is missing')
  if (row.stranger !== undefined) {
    t.equal(await call(await as(row.stranger.user, audience, tokenOf(row.stranger))), row.stranger.status, 'a stranger')
  }
  t.equal(await call(await as(row.owner.user, audience, tokenOf(row.owner))), row.owner.status, 'the owner')
  t.equal(await call(await as('admin1', audience)), row.admin, 'an administrator')
}

/** What the token of a caller says beside their role. */
function tokenOf({ actor, scope }: Pick<Caller, 'actor' | 'scope'>): { actor?: string; scope?: string } {
  return { ...(actor !== undefined && { actor }), ...(scope !== undefined && { scope }) }
}

t.test('the matrix and the READMEs have every route of every service', async t => {
  const services = await startServices(t)
  for (const name of SERVICE_NAMES) {
    const printed = routesOf(services[name].app.printRoutes({ commonPrefix: false }))
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
