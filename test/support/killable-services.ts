import { fork, type ChildProcess } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { DEMO_RESTAURANTS } from '@sallyport/service-kit/demo'
import * as deliveryService from '@sallyport/delivery-service'
import * as orderService from '@sallyport/order-service'
import * as restaurantService from '@sallyport/restaurant-service'
import type { Knex } from 'knex'
import { CHILD_ENVIRONMENT } from './child-environment.ts'
import { freePort } from './free-port.ts'
import { createTokenAuthority, SERVICE_SECRET } from './token-authority.ts'

/** The services that are started as processes and killed. */
export const KILLABLE = ['order-service', 'restaurant-service', 'delivery-service'] as const
export type Killable = (typeof KILLABLE)[number]

const PACKAGES = {
  'order-service': orderService,
  'restaurant-service': restaurantService,
  'delivery-service': deliveryService
}
const [anchor] = DEMO_RESTAURANTS
const userId = (last: number): string => `10000000-0000-4000-8000-00000000000${last}`
const USERS = Object.fromEntries(
  ['customer1', 'customer2', 'restaurant1', 'restaurant2', 'courier1', 'courier2', 'admin1'].map((name, index) => [
    name,
    { subject: userId(index + 1) }
  ])
)
const ROLES = { appRole: 'test_killed_app', prunerRole: 'test_killed_pruner' }

/** A database of one service: the URL of the app role, and a pool of the owner. */
export interface KillableDatabase {
  readonly appUrl: string
  readonly owner: Knex
}

/** The three services as processes, under load. */
export interface KillableServices {
  readonly owners: Readonly<Record<Killable, Knex>>
  /** How many requests of the load have ended, however. */
  readonly progress: () => number
  /** Ends the process of a service at once, and starts it again. */
  readonly kill: (name: Killable) => Promise<void>
  /** Places orders, accepts and cancels them until told to stop; a request that fails is not repeated. */
  readonly load: (workers: number) => { readonly stop: () => Promise<void> }
  readonly close: () => Promise<void>
}

/**
 * Starts an issuer and the three services as processes, each on its own port for good.
 * @param databaseOf makes a database for a service: `prepare` makes tables and demo data as its owner
 */
export async function startKillableServices(
  databaseOf: (name: Killable, prepare: (owner: Knex) => Promise<void>) => Promise<KillableDatabase>,
  settings: Readonly<Record<string, string>> = {}
): Promise<KillableServices> {
  const authority = createTokenAuthority(`http://127.0.0.1:${await freePort()}`)
  const { issuer } = authority
  const closeIssuer = await authority.listen()
  const ports = Object.fromEntries(
    await Promise.all(KILLABLE.map(async name => [name, await freePort()] as const))
  ) as Record<Killable, number>
  const originOf = (name: Killable): string => `http://127.0.0.1:${ports[name]}`
  const databases: Partial<Record<Killable, KillableDatabase>> = {}
  for (const name of KILLABLE) {
    databases[name] = await databaseOf(name, async owner => {
      await owner.raw(
        `do $$ begin create role ${ROLES.appRole} login password 'for-tests-only'; exception when duplicate_object then null; end $$`
      )
      await owner.raw(`do $$ begin create role ${ROLES.prunerRole}; exception when duplicate_object then null; end $$`)
      await PACKAGES[name].migrate(owner, ROLES)
      await PACKAGES[name].seedDemo(owner, { users: USERS, issuer })
    })
  }
  const databaseFor = (name: Killable): KillableDatabase => databases[name]!
  const children: Partial<Record<Killable, ChildProcess>> = {}

  async function start(name: Killable): Promise<void> {
    const child = fork(fileURLToPath(new URL(`../../reference-services/${name}/src/server.ts`, import.meta.url)), {
      env: {
        ...CHILD_ENVIRONMENT,
        DATABASE_URL: databaseFor(name).appUrl,
        LOG_LEVEL: 'silent',
        PORT: String(ports[name]),
        SALLYPORT_OPERATIONS_PORT: '0',
        SALLYPORT_ISSUER: issuer,
        SALLYPORT_CLIENT_ID: name,
        SALLYPORT_CLIENT_SECRET: SERVICE_SECRET,
        ...(name === 'order-service' && { SALLYPORT_RESTAURANT_SERVICE_ORIGIN: originOf('restaurant-service') }),
        ...(name === 'restaurant-service' && { SALLYPORT_DELIVERY_SERVICE_ORIGIN: originOf('delivery-service') }),
        ...(name !== 'delivery-service' && settings)
      },
      execArgv: ['--conditions=@sallyport/source', '--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc']
    })
    children[name] = child
    const [message] = (await once(child, 'message')) as [{ type: string }]
    if (message.type !== 'ready') throw new Error(`${name}: ${JSON.stringify(message)}`)
  }
  try {
    await Promise.all(KILLABLE.map(start))
  } catch (error) {
    for (const child of Object.values(children)) child.kill('SIGKILL')
    await closeIssuer()
    throw error
  }

  let done = 0
  const headersOf = async (user: string, role: string, audience: Killable): Promise<Record<string, string>> => {
    const subject = USERS[user]?.subject ?? ''
    const token = await authority.mint({
      subject,
      audience,
      roles: [role],
      scope: 'orders:read orders:write restaurants:read restaurants:write'
    })
    return { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  }
  async function post(
    name: Killable,
    path: string,
    user: string,
    role: string,
    body: object = {}
  ): Promise<Record<string, unknown> | null> {
    try {
      const answer = await fetch(`${originOf(name)}${path}`, {
        method: 'POST',
        headers: await headersOf(user, role, name),
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(10_000)
      })
      return answer.ok ? ((await answer.json()) as Record<string, unknown>) : null
    } catch {
      return null
    } finally {
      done++
    }
  }
  async function oneOrder(): Promise<void> {
    const lines = [{ menuItemId: anchor.items[0]!.menuItemId, quantity: 1 }]
    const order = await post('order-service', '/orders', 'customer1', 'CUSTOMER', {
      restaurantId: anchor.restaurantId,
      lines,
      deliveryAddress: 'here'
    })
    if (order === null) return
    if (randomInt(3) === 0) {
      await post('order-service', `/orders/${String(order.orderId)}/cancel`, 'customer1', 'CUSTOMER')
    } else await post('restaurant-service', `/tickets/${String(order.ticketId)}/accept`, 'restaurant1', 'RESTAURANT')
  }
  const owners = Object.fromEntries(KILLABLE.map(name => [name, databaseFor(name).owner])) as Record<Killable, Knex>
  return {
    owners,
    progress: () => done,
    kill: async name => {
      const child = children[name]
      if (child !== undefined && child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit')
      await start(name)
    },
    load: workers => {
      const state = { stopped: false }
      const running = Array.from({ length: workers }, async () => {
        while (!state.stopped) await oneOrder()
      })
      return {
        stop: async () => {
          state.stopped = true
          await Promise.all(running)
        }
      }
    },
    close: async () => {
      await Promise.all(
        Object.values(children).map(async child => {
          if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit')
        })
      )
      await closeIssuer()
    }
  }
}

/** What is half-done in the three databases, one sentence each. */
export async function halfDone({ owners }: KillableServices): Promise<string[]> {
  const orders: Array<Record<string, string | null>> = await owners['order-service']('orders').select()
  const tickets: Array<Record<string, string | null>> = await owners['restaurant-service']('tickets').select()
  const deliveries: Array<Record<string, string | null>> = await owners['delivery-service']('deliveries').select()
  const ticketOf = new Map(tickets.map(ticket => [ticket.order_id, ticket]))
  const deliveryOf = new Map(deliveries.map(delivery => [delivery.ticket_id, delivery]))
  const wrong: string[] = []
  for (const { order_id: id, state, ticket_id: ticketId, begun } of orders) {
    const ticket = ticketOf.get(id)
    const live = ticket !== undefined && ticket.state !== 'CANCELLED'
    if (begun !== null || state === 'APPROVAL_PENDING') wrong.push(`order ${id} is ${state}, begun: ${begun}`)
    else if (state === 'APPROVED' && (!live || ticket.ticket_id !== ticketId)) {
      wrong.push(`order ${id} is APPROVED, its ticket ${ticket?.state}`)
    } else if (state !== 'APPROVED' && live) wrong.push(`order ${id} is ${state}, its ticket ${ticket.state}`)
  }
  for (const { ticket_id: id, state, delivery_id: deliveryId, recover_after: recoverAfter } of tickets) {
    const delivery = deliveryOf.get(id)
    if (
      recoverAfter !== null ||
      (state === 'ACCEPTED') !== (delivery !== undefined) ||
      (delivery?.delivery_id ?? null) !== deliveryId
    ) {
      wrong.push(`ticket ${id} is ${state}, its delivery ${deliveryId}`)
    }
  }
  return wrong
}

/** Effects that are recorded more than once, or not at all. */
export async function wronglyRecorded({ owners }: KillableServices): Promise<string[]> {
  const once = async (name: Killable, action: string, rows: Array<{ id: string }>): Promise<string[]> => {
    const recorded: Array<{ resource_id: string }> = await owners[name]('audit_events')
      .where({ action, outcome: 'success' })
      .where(builder => builder.whereNull('reason').orWhere('reason', 'recovered'))
      .select('resource_id')
    const counts = Map.groupBy(recorded, row => row.resource_id)
    return rows
      .filter(({ id }) => counts.get(id)?.length !== 1)
      .map(({ id }) => `${action} of ${id} is recorded ${counts.get(id)?.length ?? 0} times`)
  }
  const demo = '00000000-%'
  const approved: Array<{ id: string }> = await owners['order-service']('orders')
    .where({ state: 'APPROVED' })
    .whereRaw('order_id::text not like ?', [demo])
    .select('order_id as id')
  const accepted: Array<{ id: string }> = await owners['restaurant-service']('tickets')
    .where({ state: 'ACCEPTED' })
    .whereRaw('ticket_id::text not like ?', [demo])
    .select('ticket_id as id')
  return [
    ...(await once('order-service', 'order.approve', approved)),
    ...(await once('restaurant-service', 'ticket.arrange-delivery', accepted))
  ]
}

/** Waits until nothing is half-done; what still is after `timeoutMs`. */
export async function settled(services: KillableServices, timeoutMs: number): Promise<string[]> {
  const startedAt = performance.now()
  for (;;) {
    const wrong = await halfDone(services)
    if (wrong.length === 0 || performance.now() - startedAt > timeoutMs) return wrong
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}
