import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { ClosingError } from './errors.ts'

/** What the end of a process does with the connections of its server. */
export interface Connections {
  /** Follows the connections of another server too, which hands its upgrades to the first one. */
  add: (server: Server) => void
  /** From now on each answer ends its connection; requests are served. */
  closeAfterAnswer: () => void
  /**
   * From now on requests are answered with 503 and connections without one end: those that have sent nothing or half a
   * head at once, later ones after a second.
   * @returns how many were ended at once
   */
  refuse: () => number
  /** Ends what is left, also in the middle of an answer. Returns how many answers that cut. */
  destroy: () => number
}

interface FollowedConnection {
  socket: Socket
  upgraded: boolean
  readonly responses: Set<ServerResponse>
}
type Phase = 'serving' | 'closing-after-answer' | 'refusing'

const LATE_CONNECTION_MS = 1000
const CLOSING_RETRY_AFTER_SECONDS = '1'

/**
 * Follows the connections of an HTTP/1.1 server, so that its end knows which of them carry a request. Node itself
 * counts a connection that never sent a byte as active and waits for it. Call it when every handler is in place, before
 * listening.
 */
export function watchConnections(server: Server): Connections {
  const open = new Set<FollowedConnection>()
  const bySocket = new WeakMap<Socket, FollowedConnection>()
  const byPeer = new Map<string, FollowedConnection>()
  let phase: Phase = 'serving'

  function follow(socket: Socket): void {
    const connection: FollowedConnection = { socket, upgraded: false, responses: new Set() }
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

  // TLS runs over the socket of the connection and has one of its own, which requests name.
  function followSecure(socket: Socket): void {
    const connection = byPeer.get(peerName(socket))
    if (connection === undefined) return
    connection.socket = socket
    bySocket.set(socket, connection)
  }

  function passes(request: IncomingMessage, response: ServerResponse): boolean {
    const connection = bySocket.get(request.socket)
    connection?.responses.add(response)
    response.once('close', () => {
      connection?.responses.delete(response)
      // Its head may have left before the end began, and promised to keep the connection.
      if (phase === 'refusing' && connection !== undefined && isSilent(connection)) connection.socket.end()
    })
    if (phase !== 'serving') endConnectionWith(response)
    if (phase === 'refusing') answerClosing(request, response)
    return phase !== 'refusing'
  }

  function add(server: Server): void {
    server.on('connection', follow)
    server.on('secureConnection', followSecure)
    interceptRequests(server, passes)
  }

  add(server)
  // A listener of our own alone would make Node hand over sockets that nobody takes.
  if (server.listenerCount('upgrade') > 0) {
    server.prependListener('upgrade', ({ socket }: IncomingMessage) => {
      const connection = bySocket.get(socket)
      if (connection !== undefined) connection.upgraded = true
    })
  }

  return {
    add,
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
      const cut = [...open].reduce((sum, { responses }) => sum + responses.size, 0)
      for (const { socket } of [...open]) socket.destroy()
      return cut
    }
  }
}

/** Puts `passes` before the server's own handlers, which see a request only when it says so. */
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

function isSilent({ responses, upgraded }: FollowedConnection): boolean {
  return responses.size === 0 && !upgraded
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
  response.writeHead(status, {
    'content-type': 'application/problem+json',
    'retry-after': CLOSING_RETRY_AFTER_SECONDS,
    'cache-control': 'no-store'
  })
  response.end(request.method === 'HEAD' ? undefined : JSON.stringify({ type: 'about:blank', title, status, code }))
}
