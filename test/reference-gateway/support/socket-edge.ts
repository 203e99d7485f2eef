import { createServer, type Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { ForwardedRouteOptions } from '@sallyport/forwarding'
import type { Test } from 'tap'
import { type WebSocket, WebSocketServer } from 'ws'
import { type Authority, makeAuthority } from '../../support/certificates.ts'
import { type Edge, type EdgeOptions, oneRoute, ORDER_SERVICE, startEdge } from '../../support/edge.ts'

/** A gateway before a service that has WebSockets, over TLS that proves both sides. */
export interface SocketEdge extends Edge {
  readonly authority: Authority
  /** What asked the service for a WebSocket. */
  readonly asked: IncomingMessage[]
  /** Those that are open at the service. */
  readonly opened: WebSocket[]
  /** Close codes that the service got. */
  readonly codes: number[]
}

/** What an edge of this file can have differently. */
export interface SocketEdgeOptions extends EdgeOptions {
  readonly route?: Partial<ForwardedRouteOptions>
  /** Names in the certificate of the service. */
  readonly names?: readonly string[]
}

/** Starts a gateway with one route for WebSockets, and the service behind it, which sends back what it gets. */
export async function startSocketEdge(t: Test, options: SocketEdgeOptions = {}): Promise<SocketEdge> {
  const { route = {}, names = [ORDER_SERVICE], ...edgeOptions } = options
  const authority = await makeAuthority()
  const [service, gateway] = await Promise.all([authority.issue({ names }), authority.issue({ names: ['gateway'] })])
  const asked: IncomingMessage[] = []
  const opened: WebSocket[] = []
  const codes: number[] = []
  const server = createServer({
    cert: service.certificate,
    key: service.privateKey,
    ca: authority.certificate,
    requestCert: true,
    rejectUnauthorized: true
  })
  new WebSocketServer({ server }).on('connection', (socket, request) => {
    asked.push(request)
    opened.push(socket)
    socket.on('error', () => {}).on('close', code => codes.push(code))
    socket.on('message', data => {
      socket.send(String(data))
    })
  })
  const origin = `https://${ORDER_SERVICE}:${await listenOnLoopback(t, server)}`
  const edge = await startEdge(t, {
    table: () => oneRoute({ webSocket: {}, ...route })(origin),
    ...edgeOptions,
    agent: { ca: authority.certificate, certificate: gateway.certificate, privateKey: gateway.privateKey }
  })
  return { ...edge, authority, asked, opened, codes }
}

async function listenOnLoopback(t: Test, server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).once('close', () => sockets.delete(socket))
  })
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}
