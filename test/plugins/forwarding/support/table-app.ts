import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import forwarding, { type ForwardedRouteOptions, type ForwardingOptions } from '@sallyport/forwarding'
import securityContext, { effectiveRoute, problemDetails, type Principal } from '@sallyport/security-context'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Test } from 'tap'

/** What a service got of one request. */
export interface SeenRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** A service over plain HTTP on loopback. */
export interface PlainService {
  readonly origin: string
  readonly seen: SeenRequest[]
  /** Connections that were ever opened. */
  connections: number
  /** How many of them are closed again. */
  closed: number
  answer: (request: SeenRequest, response: ServerResponse) => void
}

/** Starts a service that keeps what it gets, and counts its connections. */
export async function startPlainService(t: Test): Promise<PlainService> {
  const sockets = new Set<Socket>()
  const server = createServer((message, response) => {
    const chunks: Buffer[] = []
    message.on('data', (chunk: Buffer) => chunks.push(chunk))
    message.on('end', () => {
      const { method = '', url = '', headers } = message
      const seen = { method, url, headers, body: Buffer.concat(chunks).toString() }
      service.seen.push(seen)
      service.answer(seen, response)
    })
  })
  server.on('connection', socket => {
    service.connections++
    sockets.add(socket)
    socket.on('close', () => {
      service.closed++
      sockets.delete(socket)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const { port } = server.address() as AddressInfo
  const service: PlainService = {
    origin: `http://127.0.0.1:${port}`,
    seen: [],
    connections: 0,
    closed: 0,
    answer: (_request, response) => {
      response.setHeader('content-type', 'application/json')
      response.end('{"ok":true}')
    }
  }
  return service
}

/** A caller of the apps here. */
export const ALICE: Readonly<Record<string, string>> = { 'x-caller': 'alice' }

/** Fills the slots from `x-caller` and `x-token`, as an authentication of somebody else's may. */
export function ownAuthentication(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    const { found, config } = effectiveRoute(request)
    if (!found || config.access === 'public') return
    const { 'x-caller': subject, 'x-token': token } = request.headers
    if (typeof subject !== 'string') {
      await reply.code(401).header('www-authenticate', 'Demo').send({ error: 'who are you?' })
      return
    }
    const roles = subject === 'admin' ? ['ADMIN'] : []
    // What somebody else's authentication knows is less than what ours does.
    const known = { subject, clientId: null, roles, scopes: [], sessionId: null, claims: {} }
    request.principal = known as unknown as Principal
    request.accessToken = typeof token === 'string' ? token : null
  })
}

/** A route to `service` that passes no credential on. */
export function plainRoute(more: Partial<ForwardedRouteOptions> = {}): ForwardedRouteOptions {
  return { path: '/orders/*', upstream: 'service', forward: 'none', access: 'authenticated', ...more }
}

/** What the app of a test has beside forwarding. */
export interface ForwardingAppParts {
  readonly before?: (app: FastifyInstance) => Promise<unknown>
}

/** An app with an authentication of its own that forwards to services. */
export async function forwardingApp(
  t: Test,
  options: ForwardingOptions,
  { before }: ForwardingAppParts = {}
): Promise<FastifyInstance> {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(securityContext)
  await app.register(problemDetails)
  ownAuthentication(app)
  await before?.(app)
  await app.register(forwarding, options)
  return app
}

/** An app with these routes to one service. */
export async function routesTo(
  t: Test,
  service: PlainService,
  routes: readonly Partial<ForwardedRouteOptions>[],
  { before, ...options }: Partial<ForwardingOptions> & ForwardingAppParts = {}
): Promise<FastifyInstance> {
  const table = { upstreams: { service: { origin: service.origin } }, routes: routes.map(plainRoute), ...options }
  return await forwardingApp(t, table, before === undefined ? {} : { before })
}
