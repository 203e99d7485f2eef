import type { FastifyRequest } from 'fastify'

/**
 * Makes what removes from a request what does not belong to its trace. Baggage is a key-value store of the caller that
 * would travel to every peer.
 * @param acceptIncoming whether a caller's trace is continued
 */
export function dropTraceHeaders(acceptIncoming: boolean): (request: Pick<FastifyRequest, 'headers'>) => void {
  const dropped = acceptIncoming ? ['baggage'] : ['baggage', 'traceparent', 'tracestate']
  return ({ headers }) => {
    // To delete what is not there would cost every request: the object becomes a slow one.
    for (const name of dropped) if (headers[name] !== undefined) delete headers[name]
  }
}
