import { lookup as systemLookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { isLoopback } from '@sallyport/security-context/mechanics'
import { Agent, buildConnector } from 'undici'
import { PlaintextRefusedError } from './errors.ts'

/** Options of {@link createPeerAgent}. */
export interface PeerAgentOptions {
  /** PEM of the authorities that vouch for the peers; the system's authorities are not asked. */
  readonly ca: string
  /** Own certificate and key, PEM, for peers that ask for one. */
  readonly certificate?: string
  readonly privateKey?: string
  /**
   * Host name → IP address, like `curl --resolve`: URLs carry names, and the certificate is checked against the name.
   * Other names are resolved by the system.
   */
  readonly addresses?: Readonly<Record<string, string>>
  /** Connections per origin. Default 64. */
  readonly connections?: number
  /** Default 5000. */
  readonly connectTimeoutMs?: number
  /** Until the response's head. Default 10000. */
  readonly headersTimeoutMs?: number
  /** Between two chunks of the response's body. Default 30000. */
  readonly bodyTimeoutMs?: number
}

/**
 * An undici agent for calls to peers: TLS 1.2 at least, the peer's certificate always verified for the host name of the
 * URL (never for a `Host` header that was passed along), plain HTTP to loopback only.
 * A refused plain-HTTP call rejects with code `SALLYPORT_TRANSPORT_PLAINTEXT_REFUSED`.
 * @see RFC 9110 §4.3.4
 */
export function createPeerAgent (options: PeerAgentOptions): Agent {
  const connector = buildConnector({
    ca: options.ca,
    ...(options.certificate !== undefined && { cert: options.certificate }),
    ...(options.privateKey !== undefined && { key: options.privateKey }),
    // Stated, because NODE_TLS_REJECT_UNAUTHORIZED=0 changes the default.
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    allowH2: false,
    timeout: options.connectTimeoutMs ?? 5_000,
    lookup: lookupIn(options.addresses ?? {})
  })
  return new Agent({
    connections: options.connections ?? 64,
    headersTimeout: options.headersTimeoutMs ?? 10_000,
    bodyTimeout: options.bodyTimeoutMs ?? 30_000,
    connect: (target, callback) => {
      if (target.protocol !== 'https:' && !isLoopback(target.hostname)) {
        callback(new PlaintextRefusedError(target.hostname), null)
        return
      }
      connector(isIP(target.hostname) === 0 ? { ...target, servername: target.hostname } : target, callback)
    }
  })
}

/** Resolves names from the table first. Both callback shapes of `dns.lookup` are in use by Node's sockets. */
function lookupIn (addresses: Readonly<Record<string, string>>): LookupFunction {
  const table = new Map(Object.entries(addresses))
  return (hostname, options, callback) => {
    const address = table.get(hostname)
    if (address === undefined) systemLookup(hostname, options, callback)
    else if (options.all === true) callback(null, [{ address, family: isIP(address) }])
    else callback(null, address, isIP(address))
  }
}
