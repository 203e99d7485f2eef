// The gateway in this process, over TLS, with its sessions in a store, before services that answer what its web client
// shows. The issuer is the test's.
import { createJwksKeySource } from '@sallyport/authentication'
import { memorySessionStore } from '@sallyport/authentication/session-stores'
import { createLoginClient, createTokenClient, discoverMetadata } from '@sallyport/token-exchange'
import type { Test } from 'tap'
import { Agent } from 'undici'
import type { Authority } from '../../support/certificates.ts'
import { orderRoute, orderTable, startEdge } from '../../support/edge.ts'

/** How the gateway is known to its issuer. */
export interface StoredGatewayOptions {
  readonly authority: Authority
  /** Where it listens: `https://127.0.0.1:<port>`, which is another site than `localhost`. */
  readonly port: number
  readonly issuer: string
  /** Path of the issuer's keys. */
  readonly jwksPath: string
  readonly audience: string
  readonly client: { readonly clientId: string; readonly clientSecret: string }
  /** What `/strong-orders` asks for; left out: there is no such route. */
  readonly strongAcr?: string
  /** Default: that of the machine. */
  readonly clock?: () => number
}

/** A running gateway. */
export interface StoredGateway {
  readonly gateway: string
  /** How far its clock is ahead: the issuer's is that of the machine. */
  aheadMs: number
}

const RECENT_SECONDS = 600
const ORDER = {
  orderId: 'order-1',
  state: 'APPROVED',
  totalCents: 1450,
  deliveryAddress: '1 Harbour Street',
  lines: [{ name: 'Soup', quantity: 2 }]
}

/** What the services answer, by method and path. */
const ANSWERS: Readonly<Record<string, object>> = {
  'GET /restaurants': { restaurants: [{ restaurantId: 'place', name: 'Harbour Kitchen' }] },
  'GET /restaurants/place/menu': { items: [{ menuItemId: 'dish', name: 'Soup', priceCents: 725 }] },
  'GET /orders': { orders: [] },
  'GET /orders/order-1': ORDER,
  'POST /orders': ORDER
}

/** Starts it; it ends with the test. */
export async function startStoredGateway(t: Test, options: StoredGatewayOptions): Promise<StoredGateway> {
  const { authority, port, issuer, jwksPath, audience, client, strongAcr, clock = Date.now } = options
  const dispatcher = new Agent({ connect: { ca: authority.certificate } })
  t.teardown(() => dispatcher.destroy())
  const keys = createJwksKeySource({ jwksUri: `${issuer}${jwksPath}`, dispatcher, clock })
  t.teardown(() => keys.close())
  const self = { gateway: `https://127.0.0.1:${port}`, aheadMs: 0 }
  const tokenClient = {
    metadata: async () => await discoverMetadata({ issuer, dispatcher }),
    dispatcher,
    clock,
    ...client
  }
  const forward = 'token'
  const table = orderTable(
    orderRoute({ forward }),
    orderRoute({ forward, path: '/restaurants/*' }),
    orderRoute({ forward, path: '/recent-orders', rewrite: '/orders', stepUp: { maxAgeSeconds: RECENT_SECONDS } }),
    ...(strongAcr === undefined
      ? []
      : [orderRoute({ forward, path: '/strong-orders', rewrite: '/orders', stepUp: { acr: [strongAcr] } })])
  )
  const listener = await authority.issue({ names: ['127.0.0.1'] })
  const edge = await startEdge(t, {
    port,
    settings: {
      issuer,
      audience,
      edgeTls: true,
      publicOrigins: [self.gateway],
      allowedHosts: [],
      webClient: true,
      loginScopes: ['openid', 'orders:read'],
      // One person does in a minute here what many do elsewhere.
      loginsPerMinute: 1000,
      sessionStore: 'postgres',
      backchannelLogout: true
    },
    table,
    collaborators: {
      tls: { ...listener, ca: authority.certificate },
      keys,
      tokenClient: createTokenClient(tokenClient),
      loginClient: createLoginClient(tokenClient),
      sessionStore: memorySessionStore(),
      clock: () => clock() + self.aheadMs
    }
  })
  edge.orders.answer = ({ method, url }, reply) => {
    const body = ANSWERS[`${method} ${url}`]
    return reply.code(body === undefined ? 404 : method === 'POST' ? 201 : 200).send(body ?? {})
  }
  return self
}
