import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import securityContext, { problemDetails, type Principal, type SecurityEvent, type TokenClient } from '@sallyport/security-context'
import secureTransport, { createPeerAgent, serverOptions } from '@sallyport/secure-transport'
import tokenExchange from '@sallyport/token-exchange'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Test } from 'tap'
import { forwardRoutes } from '../../reference-gateway/src/forward/index.ts'
import { routesOf } from '../../reference-gateway/src/forward/upstreams.ts'
import requestHygiene from '../../reference-gateway/src/hygiene/index.ts'
import { edgeServerOptions } from '../../reference-gateway/src/server-options.ts'
import { type Authority, type IssuedCertificate, makeAuthority } from '../support/certificates.ts'

/** What a service received of one request. */
export interface Received {
  readonly method: string
  readonly url: string
  readonly rawHeaders: readonly string[]
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

export interface Service {
  readonly origin: string
  readonly port: number
  readonly received: Received[]
  /** What the service answers; a test replaces it. */
  answer: (request: FastifyRequest, reply: FastifyReply) => unknown
}

/** The credential of a caller who is accepted. */
export const GOOD = { authorization: 'Bearer good' }

export const ORDER_SERVICE = 'order-service.sallyport.internal'

/** A service with a real TLS listener that keeps what it receives. */
export async function startService (t: Test, certificate: IssuedCertificate, name = ORDER_SERVICE): Promise<Service> {
  const app = Fastify({ https: { cert: certificate.certificate, key: certificate.privateKey }, forceCloseConnections: true, bodyLimit: 64 * 1024 * 1024 })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.all('/*', (request, reply) => {
    const { method, url, headers, raw, body } = request
    service.received.push({ method, url, headers, rawHeaders: raw.rawHeaders, body: body instanceof Buffer ? body.toString('latin1') : '' })
    return service.answer(request, reply)
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.after(() => app.close())
  const { port } = app.server.address() as AddressInfo
  const service: Service = { port, origin: `https://${name}:${port}`, received: [], answer: () => ({ ok: true }) }
  return service
}

export interface Edge {
  readonly app: FastifyInstance
  readonly url: string
  readonly port: number
  readonly orders: Service
  readonly deliveries: Service
  readonly authority: Authority
  /** Token exchanges that the gateway asked for, as `subject → audience`. */
  readonly exchanges: string[]
  readonly events: SecurityEvent[]
}

export interface EdgeOptions {
  readonly maxBodyBytes?: number
  readonly upstreamTimeoutMs?: number
  readonly orderService?: Partial<{ certificate: IssuedCertificate, origin: string }>
  readonly tokenClient?: Partial<TokenClient>
}

/**
 * The gateway's path from hygiene to forwarding, listening, with services behind it on real TLS sockets. Who is calling
 * is decided by a stand-in: `Authorization: Bearer good` or a cookie `session=good`.
 */
export async function startEdge (t: Test, options: EdgeOptions = {}): Promise<Edge> {
  const authority = await makeAuthority()
  const orders = await startService(t, options.orderService?.certificate ?? await authority.issue({ names: [ORDER_SERVICE] }))
  const deliveries = await startService(t, await authority.issue({ names: ['delivery-service.sallyport.internal'] }), 'delivery-service.sallyport.internal')
  const dispatcher = createPeerAgent({ ca: authority.certificate, addresses: { [ORDER_SERVICE]: '127.0.0.1', 'delivery-service.sallyport.internal': '127.0.0.1' } })
  t.after(() => dispatcher.destroy())
  const exchanges: string[] = []
  const events: SecurityEvent[] = []
  const app = Fastify({ ...serverOptions(null), ...edgeServerOptions({ trustedProxies: [] }), forceCloseConnections: true })
  await app.register(securityContext)
  await app.register(problemDetails)
  await app.register(secureTransport)
  await app.register(requestHygiene)
  app.addHook('onRequest', standInAuthentication)
  app.addHook('onResponse', async request => { events.push(...request.securityEvents) })
  const tokenClient = {
    exchange: async ({ subjectToken, audience }: { subjectToken: string, audience: string }) => {
      exchanges.push(`${subjectToken} → ${audience}`)
      return { accessToken: `token-for-${audience}`, refreshToken: null, expiresInSeconds: 300, scope: null }
    },
    ...options.tokenClient
  }
  await app.register(tokenExchange, { tokenClient: tokenClient as TokenClient })
  const origin = options.orderService?.origin ?? orders.origin
  app.post('/login', { config: { access: 'public', audit: 'none' } }, () => ({ ok: true }))
  await app.register(forwardRoutes, {
    routes: routesOf({ orderServiceOrigin: origin, restaurantServiceOrigin: origin, deliveryServiceOrigin: deliveries.origin, authServerOrigin: origin }),
    dispatcher,
    maxBodyBytes: options.maxBodyBytes ?? 64 * 1024,
    upstreamTimeoutMs: options.upstreamTimeoutMs ?? 5000,
    additionalRequestHeaders: [],
    tracingHeaders: request => ({ traceparent: `00-${request.traceId}-00f067aa0ba902b7-01` })
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.after(() => app.close())
  const { port } = app.server.address() as AddressInfo
  return { app, port, url: `http://127.0.0.1:${port}`, orders, deliveries, authority, exchanges, events }
}

async function standInAuthentication (request: FastifyRequest): Promise<void> {
  if (request.is404 || request.routeOptions.config.access === 'public') return
  const accepted = request.headers.authorization === GOOD.authorization || request.headers.cookie?.includes('session=good') === true
  if (!accepted) throw Object.assign(new Error('Unauthorized'), { statusCode: 401, code: 'SALLYPORT_TEST_UNAUTHENTICATED' })
  request.accessToken = 'caller'
  request.principal = { subject: 'user' } as Principal
}

/**
 * Sends bytes as they are on a connection of their own and returns everything that comes back until it is closed.
 * @param end whether the client closes its half when all is sent
 */
export async function sendRaw (port: number, text: string, end = false): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let received = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => { received += chunk })
  socket.on('error', () => {})
  socket.write(text, 'latin1')
  if (end) socket.end()
  await once(socket, 'close')
  return received
}

/** The lines of a request with a credential that is accepted. */
export function rawRequest (requestLine: string, headers: readonly string[] = [], body = ''): string {
  return [requestLine, 'Host: gateway.example', `Authorization: ${GOOD.authorization}`, 'Connection: close', ...headers, '', body].join('\r\n')
}

/** Status codes of the responses on a connection. */
export function statuses (received: string): number[] {
  return [...received.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(match => Number(match[1]))
}
