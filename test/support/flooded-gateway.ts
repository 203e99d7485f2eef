// The gateway in a process of its own, to be flooded: UPSTREAM, SHEDDING, ROUTE, MAX_BODY_BYTES and REQUEST_TIMEOUT_MS
// from the environment. Tells its ports, and its memory when it is asked.
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { allocateYoung, buildApp } from '@sallyport/reference-gateway'
import { createPeerAgent } from '@sallyport/secure-transport'
import { accessToken, keys, orderRoute, SETTINGS } from './edge.ts'

allocateYoung()
const {
  UPSTREAM = '',
  SHEDDING = '{}',
  ROUTE = '{}',
  MAX_BODY_BYTES = '65536',
  REQUEST_TIMEOUT_MS = '30000'
} = process.env
const upstreamAgent = createPeerAgent({ ca: '', connections: 128 })
const token = await accessToken({ exp: Math.floor(Date.now() / 1000) + 3600 })
const unexpected = async (): Promise<never> => {
  throw new Error('not expected here')
}
const app = await buildApp(
  {
    ...SETTINGS,
    logLevel: 'warn',
    loginsPerMinute: 1_000_000,
    publicOrigins: [],
    allowedHosts: [],
    maxBodyBytes: Number(MAX_BODY_BYTES)
  },
  {
    keys,
    upstreamAgent,
    tokenClient: {
      // As long as an authorization server near by takes.
      password: async () => {
        await delay(20)
        return { accessToken: token, refreshToken: 'r'.repeat(60), expiresInSeconds: 3600, scope: null }
      },
      exchange: async () => ({ accessToken: 'x'.repeat(600), refreshToken: null, expiresInSeconds: 3600, scope: null }),
      refresh: unexpected,
      clientCredentials: unexpected,
      revoke: async () => {}
    },
    table: {
      upstreams: { orders: { origin: UPSTREAM } },
      shedding: JSON.parse(SHEDDING),
      routes: [orderRoute(JSON.parse(ROUTE))]
    }
  }
)
app.server.requestTimeout = Number(REQUEST_TIMEOUT_MS)
await app.listen({ port: 0, host: '127.0.0.1' })
process.on('message', message => {
  if (message === 'memory') process.send?.({ type: 'memory', rss: process.memoryUsage.rss() })
  else process.exit(0)
})
process.send?.({
  type: 'ready',
  port: (app.server.address() as AddressInfo).port,
  operations: app.operations.listeningOrigin,
  token
})
