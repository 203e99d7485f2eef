import type { FastifyRequest } from 'fastify'
import type { TrustsAddress } from './trusted-proxies.ts'

const OF_STRANGERS: readonly string[] = ['baggage', 'traceparent', 'tracestate']
const OF_PEERS: readonly string[] = ['baggage']

/** Removes them, and returns the `traceparent` that was removed, to link to; `undefined` for none. */
export type DropTraceHeaders = (request: Pick<FastifyRequest, 'headers' | 'socket'>) => unknown

/**
 * Makes what removes from a request what does not belong to its trace. Baggage is a key-value store of the caller that
 * would travel to every peer.
 * @param acceptIncoming whether a caller's trace is continued
 * The trace of a stranger is not continued.
 * @param trustsPeer whose trace is continued although those of others are not, by the address of the connection
 */
export function dropTraceHeaders(acceptIncoming: boolean, trustsPeer: TrustsAddress | undefined): DropTraceHeaders {
  return ({ headers, socket }) => {
    const dropped = acceptIncoming || trustsPeer?.(socket.remoteAddress) === true ? OF_PEERS : OF_STRANGERS
    const foreign = dropped === OF_STRANGERS ? headers.traceparent : undefined
    // To delete what is not there would cost every request: the object becomes a slow one.
    for (const name of dropped) if (headers[name] !== undefined) delete headers[name]
    return foreign
  }
}
