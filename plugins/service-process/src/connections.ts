import { randomUUID } from 'node:crypto'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'
import { REQUEST_ID_HEADER } from '@sallyport/security-context'
import { ClosingError } from './errors.ts'

/** Ends the connections of a server in phases. */
export interface Connections {
  /** Tracks the connections of another server too, which passes its upgrades to the first one. */
  add: (server: Server) => void
  /** No further connection is taken, and those that there are stay. */
  stopAccepting: () => void
  /** From now on each answer ends its connection; requests are served. */
  closeAfterAnswer: () => void
  /**
   * From now on requests are answered with 503. Connections without a request end: those that have sent nothing or half
   * a head at once, later ones after a second.
   * @returns how many were ended at once
   */
  refuse: () => number
  /** Ends what is left, also in the middle of an answer. Returns how many answers it cut. */
  destroy: () => number
}

interface FollowedConnection {
  socket: Socket
  upgraded: boolean
  /** No set: V8 would keep all later responses alive with the first table of it that gets old. */
  readonly responses: ServerResponse[]
}
type Phase = 'serving' | 'closing-after-answer' | 'refusing'

const LATE_CONNECTION_MS = 1000
const CLOSING_RETRY_AFTER_SECONDS = '1'

/**
 * Tracks the connections of an HTTP/1.1 server, to know at the end which of them carry a request. Node itself treats a
 * connection that never sent a byte as active and waits for it. Call it when every handler is in place, before
 * listening.
 */
export function watchConnections(server: Server): Connections {
  const open = new Set<FollowedConnection>()
  const bySocket = new WeakMap<Socket, FollowedConnection>()
  const byPeer = new Map<string, FollowedConnection>()
  let phase: Phase = 'serving'

  function follow(socket: Socket): void {
    const connection: FollowedConnection = { socket, upgraded: false, responses: [] }
    const peer = peerName(socket)
    open.add(connection)
    bySocket.set(socket, connection)
    byPeer.set(peer, connection)
    socket.once('close', () => {
      open.delete(connection)
      if (byPeer.get(peer) === connection) byPeer.delete(peer)
    })
    if (phase === 'refusing') {
      setTimeout(() => {
        if (isSilent(connection)) connection.socket.destroy()
      }, LATE_CONNECTION_MS).unref()
    }
  }

  // TLS has a socket of its own on top of that of the connection, and requests refer to it.
  function followSecure(socket: Socket): void {
    const connection = byPeer.get(peerName(socket))
    if (connection === undefined) return
    connection.socket = socket
    bySocket.set(socket, connection)
  }

  function passes(request: IncomingMessage, response: ServerResponse): boolean {
    const connection = bySocket.get(request.socket)
    connection?.responses.push(response)
    response.once('close', () => {
      if (connection !== undefined) removeFrom(connection.responses, response)
      // Its head may have left before the end began, with a promise to keep the connection.
      if (phase === 'refusing' && connection !== undefined && isSilent(connection)) connection.socket.end()
    })
    if (phase !== 'serving') endConnectionWith(response)
    if (phase === 'refusing') answerClosing(request, response)
    return phase !== 'refusing'
  }

  const servers: Server[] = []

  function add(server: Server): void {
    servers.push(server)
    server.on('connection', follow)
    server.on('secureConnection', followSecure)
    interceptRequests(server, passes)
  }

  add(server)
  // Only a listener of our own would make Node pass on sockets that nobody takes.
  if (server.listenerCount('upgrade') > 0) {
    server.prependListener('upgrade', ({ socket }: IncomingMessage) => {
      const connection = bySocket.get(socket)
      if (connection !== undefined) connection.upgraded = true
    })
  }

  return {
    add,
    stopAccepting: () => {
      // Not that of HTTP, which ends connections that are idle: a request may be on its way on one of them.
      for (const server of servers) NetServer.prototype.close.call(server)
    },
    closeAfterAnswer: () => {
      phase = 'closing-after-answer'
      for (const { responses } of open) for (const response of responses) endConnectionWith(response)
    },
    refuse: () => {
      phase = 'refusing'
      const silent = [...open].filter(isSilent)
      for (const { socket } of silent) socket.destroy()
      return silent.length
    },
    destroy: () => {
      const cut = [...open].reduce((sum, { responses }) => sum + responses.length, 0)
      for (const { socket } of [...open]) socket.destroy()
      return cut
    }
  }
}

/** Puts `passes` before the handlers of the server, which get a request only when it returns true. */
function interceptRequests(
  server: Server,
  passes: (request: IncomingMessage, response: ServerResponse) => boolean
): void {
  const handlers = server.listeners('request')
  server.removeAllListeners('request')
  server.on('request', (request, response) => {
    if (!passes(request, response)) return
    for (const handler of handlers) Reflect.apply(handler, server, [request, response])
  })
}

function removeFrom(responses: ServerResponse[], response: ServerResponse): void {
  const place = responses.indexOf(response)
  if (place !== -1) responses.splice(place, 1)
}

function isSilent({ responses, upgraded }: FollowedConnection): boolean {
  return responses.length === 0 && !upgraded
}

function peerName({ remoteAddress, remotePort, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localPort}`
}

function endConnectionWith(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('connection', 'close')
}

/** @see RFC 9457, RFC 9110 §10.2.3 */
function answerClosing(request: IncomingMessage, response: ServerResponse): void {
  const { message: title, statusCode: status = 503, code } = new ClosingError()
  const requestId = randomUUID()
  const body = JSON.stringify({ type: 'about:blank', title, status, code, requestId })
  response.writeHead(status, {
    [REQUEST_ID_HEADER]: requestId,
    'content-type': 'application/problem+json',
    'retry-after': CLOSING_RETRY_AFTER_SECONDS,
    'cache-control': 'no-store'
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}
