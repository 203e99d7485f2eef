import type { ForwardedRouteOptions, RouteTableOptions } from '@sallyport/forwarding'
import type { GatewaySettings } from './settings.ts'

/** What every service of the reference deployment accepts. */
const SERVICE_BODY_BYTES = 64 * 1024

/** What the settings say about all routes. */
export function routeDefaults(settings: GatewaySettings): NonNullable<RouteTableOptions['defaults']> {
  const { maxBodyBytes, upstreamTimeoutMs, answerTimeoutMs, streamPauseMs, additionalRequestHeaders } = settings
  return {
    maxBodyBytes,
    timeouts: { headMs: upstreamTimeoutMs, pauseMs: upstreamTimeoutMs, totalMs: answerTimeoutMs },
    streamPauseMs,
    requestHeaders: { pass: additionalRequestHeaders }
  }
}

/** Which service answers which path: the whole routing table. Each audit trail is at `/audit/<process>`. */
export function forwardingTable(settings: GatewaySettings): RouteTableOptions {
  const services = [
    { audience: 'order-service', origin: settings.orderServiceOrigin, prefixes: ['/orders'] },
    {
      audience: 'restaurant-service',
      origin: settings.restaurantServiceOrigin,
      prefixes: ['/restaurants', '/tickets']
    },
    { audience: 'delivery-service', origin: settings.deliveryServiceOrigin, prefixes: ['/deliveries'] },
    ...(settings.authServerOrigin === undefined
      ? []
      : [{ audience: 'auth-server', origin: settings.authServerOrigin, prefixes: [] }])
  ]
  const maxBodyBytes = Math.min(settings.maxBodyBytes, SERVICE_BODY_BYTES)
  return {
    defaults: routeDefaults(settings),
    upstreams: Object.fromEntries(services.map(({ audience, origin }) => [audience, { origin }])),
    routes: services.flatMap(({ audience, prefixes }) => {
      const toService = { upstream: audience, forward: { audience }, access: 'authenticated', maxBodyBytes } as const
      return [
        ...prefixes.map((prefix): ForwardedRouteOptions => ({ path: `${prefix}/*`, ...toService })),
        { path: `/audit/${audience}/*`, rewrite: '/audit', ...toService }
      ]
    })
  }
}
