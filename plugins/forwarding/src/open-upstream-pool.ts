import { isIP } from 'node:net'
import { buildConnector, type Dispatcher, Pool } from 'undici'
import { ForwardBusyError } from './errors.ts'
import type { TargetOptions } from './upstream-options.ts'

const CONNECTIONS = 64
const QUEUED = 256
const CONNECT_TIMEOUT_MS = 5000

/** For a call that has no connection, so that there is nothing to pause or to abort. */
const UNCONNECTED_CALL: Dispatcher.DispatchController = Object.freeze({
  aborted: true,
  paused: false,
  reason: null,
  abort: () => {},
  pause: () => {},
  resume: () => {}
})

/** Connections to one upstream, with a bounded queue. */
class BoundedPool extends Pool {
  readonly #connections: number
  readonly #maxQueued: number

  constructor(origin: string, options: Pool.Options & { readonly connections: number }, maxQueued: number) {
    super(origin, options)
    this.#connections = options.connections
    this.#maxQueued = maxQueued
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const { stats } = this
    // The queue is known at once; how many are under way has to be counted.
    if (stats.queued < this.#maxQueued || stats.size < this.#connections + this.#maxQueued) {
      return super.dispatch(options, handler)
    }
    handler.onResponseError?.(UNCONNECTED_CALL, new ForwardBusyError())
    return false
  }
}

/**
 * Opens the plugin's own connections to an upstream: at least TLS 1.2, its certificate always verified. A request too
 * many fails with `SALLYPORT_FORWARDING_UPSTREAM_BUSY`.
 */
export function openUpstreamPool({ origin, tls = {}, ...limits }: TargetOptions): Dispatcher {
  const { ca, certificate, key, serverName } = tls
  const connector = buildConnector({
    ...(ca !== undefined && { ca }),
    ...(certificate !== undefined && { cert: certificate }),
    ...(key !== undefined && { key }),
    // Explicit, because NODE_TLS_REJECT_UNAUTHORIZED=0 changes the default.
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    allowH2: false,
    timeout: limits.connectTimeoutMs ?? CONNECT_TIMEOUT_MS
  })
  return new BoundedPool(
    origin,
    {
      connections: limits.maxConnections ?? CONNECTIONS,
      allowH2: false,
      // Left to itself, undici has the certificate prove the `Host` of the request.
      connect: (target, callback) => {
        const name = serverName ?? (isIP(target.hostname) === 0 ? target.hostname : null)
        connector(name === null ? target : { ...target, servername: name }, callback)
      }
    },
    limits.maxQueued ?? QUEUED
  )
}
