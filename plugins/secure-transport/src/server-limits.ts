import type { FastifyServerOptions } from 'fastify'
import type { ServerOptions } from 'node:https'

/** Options of Node's HTTP server that limit a request; times in ms, sizes in bytes, with Node's own names. */
export interface ServerLimits {
  /** The whole request, body included. */
  readonly requestTimeout: number
  readonly headersTimeout: number
  readonly connectionsCheckingInterval: number
  readonly keepAliveTimeout: number
  readonly maxHeaderSize: number
  /** Explicit, so that a flag of the process does not decide. */
  readonly insecureHTTPParser: false
  /** Whether Node itself refuses HTTP/1.1 without `Host`, with an answer that says nothing. */
  readonly requireHostHeader: boolean
}

/**
 * Limits against slow and oversized requests. By default Node allows a minute for headers and checks every half minute.
 */
export const serverLimits: ServerLimits = Object.freeze({
  requestTimeout: 30_000,
  headersTimeout: 10_000,
  connectionsCheckingInterval: 1_000,
  keepAliveTimeout: 65_000,
  maxHeaderSize: 16_384,
  insecureHTTPParser: false,
  requireHostHeader: true
})

/**
 * Options to spread into `Fastify({ … })`: the limits at both places where Fastify reads them, and TLS when given.
 * @param tls options of {@link serverTls}, `null` for plain HTTP
 * @param limits values that replace single limits
 */
export function serverOptions(tls: ServerOptions | null, limits: Partial<ServerLimits> = {}): FastifyServerOptions {
  const merged = { ...serverLimits, ...limits }
  const { requestTimeout, keepAliveTimeout } = merged
  // The return type leaves out `http` and `https`, so that the instance has the type that plugins are written for.
  const options = { requestTimeout, keepAliveTimeout, http: merged, https: tls === null ? null : { ...merged, ...tls } }
  return options
}
