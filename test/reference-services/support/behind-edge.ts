import type { GatewaySettings } from '@sallyport/reference-gateway'
import type { Test } from 'tap'
import { Agent } from 'undici'
import { orderRoute, startEdge } from '../../support/edge.ts'
import { startStack } from './stack.ts'
import { authority, USERS, type Username } from './services.ts'

const SCOPES = 'orders:read orders:write restaurants:read restaurants:write deliveries:read deliveries:write'

/** The Authorization header of a demo user at the edge; its token has a transaction that nobody may take. */
export async function edgeCredential(user: Username): Promise<{ authorization: string }> {
  const { subject, roles } = USERS[user]
  const token = await authority.mint({
    subject,
    audience: 'sallyport-gateway',
    roles,
    scope: SCOPES,
    act: null,
    claims: { txn: 'of-the-token' }
  })
  return { authorization: `Bearer ${token}` }
}

/** The real gateway before the services, as they call each other over the network. */
export async function startBehindEdge(t: Test, settings: Partial<GatewaySettings> = {}) {
  const { orders, restaurants, deliveries, restaurantServiceOrigin } = await startStack(t)
  const orderServiceOrigin = await orders.app.listen({ host: '127.0.0.1', port: 0 })
  const upstreamAgent = new Agent()
  t.after(() => upstreamAgent.close())
  const edge = await startEdge(t, {
    settings: { issuer: authority.issuer, ...settings },
    table: () => ({
      upstreams: { orders: { origin: orderServiceOrigin }, restaurants: { origin: restaurantServiceOrigin } },
      routes: [
        orderRoute(),
        orderRoute({ path: '/tickets/*', upstream: 'restaurants', forward: { audience: 'restaurant-service' } })
      ]
    }),
    collaborators: { keys: authority.keys, tokenClient: authority.tokenClient('gateway'), upstreamAgent }
  })
  return { edge, orders, restaurants, deliveries }
}
