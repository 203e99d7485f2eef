import type { Server } from 'node:http'
import { duplexPair } from 'node:stream'
import { Agent, type buildConnector, type Dispatcher } from 'undici'

/**
 * A dispatcher whose connections end at a server of this process, without a socket: whatever host is asked for, this
 * server answers. The server does not listen.
 */
export function dispatchTo(server: Server): Dispatcher {
  return new Agent({
    connect: (_options, connected) => {
      const [client, accepted] = duplexPair()
      // What undici and Node's HTTP server call on a socket, and a pair of streams does not have.
      for (const side of [client, accepted]) {
        Object.assign(side, {
          setKeepAlive: () => side,
          setNoDelay: () => side,
          setTimeout: () => side,
          ref: () => side,
          unref: () => side
        })
      }
      server.emit('connection', accepted)
      // undici expects the answer after this call has returned.
      setImmediate(() => {
        connected(null, asSocket(client))
      })
    }
  })
}

type Connected = Parameters<buildConnector.connector>[1]
type ConnectedSocket = Exclude<Parameters<Connected>[1], null>

/** The one place where a pair of streams passes as a socket: undici reads and writes it, and no more. */
function asSocket(stream: unknown): ConnectedSocket {
  return stream as ConnectedSocket
}
