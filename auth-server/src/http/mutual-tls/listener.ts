import { constants } from 'node:crypto'
import { createServer, type Server } from 'node:https'
import { serverLimits, serverTls, type TlsMaterial } from '@sallyport/secure-transport'
import type { FastifyInstance } from 'fastify'

/** Where the listener is. */
export interface MutualTlsListenerOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** The server's own certificate. */
  readonly tls: TlsMaterial
  /** PEM of the authorities that vouch for clients of the method `tls_client_auth`. */
  readonly clientCa: string
}

/** A connection kept open past the last request of a closing server would keep it from closing. */
const KEEP_ALIVE_MS = 5000

/**
 * A second listener for the same routes that also asks for a client certificate. It is apart so that no browser at the
 * issuer's origin is ever asked to choose one. Opened with the app and closed with it.
 * @returns the port, `null` until the app is ready
 * @see RFC 8705 §5
 */
export function mutualTlsListener(fastify: FastifyInstance, options: MutualTlsListenerOptions): () => number | null {
  const server = serverFor(fastify, options)
  if (fastify.hasDecorator('countHandshakeFailures')) fastify.countHandshakeFailures(server)

  fastify.addHook('onReady', async function openMutualTlsListener() {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host: options.host, port: options.port }, () => {
        server.off('error', reject)
        resolve()
      })
    })
  })
  fastify.addHook('preClose', async function closeMutualTlsListener() {
    if (!server.listening) return
    await new Promise<void>(resolve => {
      server.close(() => resolve())
    })
  })

  return () => {
    const address = server.address()
    return address === null || typeof address === 'string' ? null : address.port
  }
}

/**
 * The client's certificate is optional, and one that no authority vouches for does not end the handshake: it may be a
 * registered self-signed one. Who the client is, is decided at client authentication from what the handshake proved.
 * TLS sessions are not resumed, so every connection proves its key.
 */
function serverFor(fastify: FastifyInstance, { tls, clientCa }: MutualTlsListenerOptions): Server {
  return createServer(
    {
      ...serverLimits,
      ...serverTls(tls),
      keepAliveTimeout: KEEP_ALIVE_MS,
      ca: clientCa,
      requestCert: true,
      rejectUnauthorized: false,
      secureOptions: constants.SSL_OP_NO_TICKET
    },
    (request, response) => {
      fastify.routing(request, response)
    }
  )
}
