/** A path prefix at the gateway and the service behind it. */
export interface Route {
  readonly prefix: string
  /** The same resource's path at the service. */
  readonly rewritePrefix: string
  readonly audience: string
  /** Scheme, host and port. */
  readonly origin: string
}

/** Origins of the processes behind the gateway. */
export interface Origins {
  readonly orderServiceOrigin: string
  readonly restaurantServiceOrigin: string
  readonly deliveryServiceOrigin: string
  readonly authServerOrigin: string
}

/** Which service answers which path: the whole routing table. Each audit trail is reached under `/audit/<process>`. */
export function routesOf (origins: Origins): Route[] {
  const services = [
    { audience: 'order-service', origin: origins.orderServiceOrigin, prefixes: ['/orders'] },
    { audience: 'restaurant-service', origin: origins.restaurantServiceOrigin, prefixes: ['/restaurants', '/tickets'] },
    { audience: 'delivery-service', origin: origins.deliveryServiceOrigin, prefixes: ['/deliveries'] },
    { audience: 'auth-server', origin: origins.authServerOrigin, prefixes: [] }
  ]
  return services.flatMap(({ audience, origin, prefixes }) => [
    ...prefixes.map(prefix => ({ prefix, rewritePrefix: prefix, audience, origin })),
    { prefix: `/audit/${audience}`, rewritePrefix: '/audit', audience, origin }
  ])
}
