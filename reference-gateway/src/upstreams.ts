import type { ForwardRoute } from '@sallyport/forwarding'

/** Origins of the processes behind the gateway. */
export interface ServiceOrigins {
  readonly orderServiceOrigin: string
  readonly restaurantServiceOrigin: string
  readonly deliveryServiceOrigin: string
  readonly authServerOrigin?: string
}

/** What every service of the reference deployment accepts. */
const SERVICE_BODY_BYTES = 64 * 1024

/** Which service answers which path: the whole routing table. Each audit trail is at `/audit/<process>`. */
export function forwardingTable(origins: ServiceOrigins): ForwardRoute[] {
  const services = [
    { audience: 'order-service', origin: origins.orderServiceOrigin, prefixes: ['/orders'] },
    { audience: 'restaurant-service', origin: origins.restaurantServiceOrigin, prefixes: ['/restaurants', '/tickets'] },
    { audience: 'delivery-service', origin: origins.deliveryServiceOrigin, prefixes: ['/deliveries'] },
    ...(origins.authServerOrigin === undefined
      ? []
      : [{ audience: 'auth-server', origin: origins.authServerOrigin, prefixes: [] }])
  ]
  return services.flatMap(({ audience, origin, prefixes }) => [
    ...prefixes.map(prefix => ({ prefix, rewritePrefix: prefix, audience, origin, maxBodyBytes: SERVICE_BODY_BYTES })),
    { prefix: `/audit/${audience}`, rewritePrefix: '/audit', audience, origin, maxBodyBytes: SERVICE_BODY_BYTES }
  ])
}
