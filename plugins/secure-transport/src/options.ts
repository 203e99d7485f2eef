import { isIP } from 'node:net'
import { customOption, optionsObject, readOptions, Type, type ReadOptions } from '@sallyport/security-context/options'
import { TransportOptionsError } from './errors.ts'

/** Options of the secure transport plugin. */
export interface SecureTransportOptions {
  /**
   * Header lines in one request; more are answered with 431.
   * @default 100
   */
  readonly maxHeaderCount?: number
  /**
   * `max-age` of Strict-Transport-Security on responses over TLS, in seconds: a year. 0 sends none.
   * @default 31_536_000
   */
  readonly hstsMaxAgeSeconds?: number
  /**
   * A proxy in front ends TLS, and nobody else reaches this listener: plain connections get the header too.
   * @default false
   */
  readonly tlsEndsInFront?: boolean
}

/** Options of {@link createPeerAgent}. */
export interface PeerAgentOptions {
  /** PEM of the authorities that vouch for the peers; those of the system are not trusted. */
  readonly ca: string
  /** Own certificate, PEM, for peers that ask for one. */
  readonly certificate?: string
  /** Private key of the certificate, PEM. */
  readonly privateKey?: string
  /**
   * Host name → IP address, like `curl --resolve`: URLs carry names, and the certificate is checked against the name.
   * Other names are resolved by the system.
   * @default {}
   * @example { 'orders.example': '10.0.0.7' }
   */
  readonly addresses?: Readonly<Record<string, string>>
  /** The name that the certificates of the peers must prove. Left out: the host of each URL. */
  readonly serverName?: string
  /**
   * Connections per origin, each with one call at a time.
   * @default 64
   */
  readonly connections?: number
  /**
   * Calls per origin that wait for a connection; one more is refused with `SALLYPORT_TRANSPORT_PEER_BUSY`.
   * @default 256
   */
  readonly maxQueued?: number
  /**
   * How long a call waits for a connection before it is refused in the same way, in ms.
   * @default headersTimeoutMs
   */
  readonly queueTimeoutMs?: number
  /**
   * Until a connection is made, in ms.
   * @default 5000
   */
  readonly connectTimeoutMs?: number
  /**
   * Until the response's head, in ms.
   * @default 10_000
   */
  readonly headersTimeoutMs?: number
  /**
   * Between two chunks of the response's body, in ms.
   * @default 30_000
   */
  readonly bodyTimeoutMs?: number
}

const connectionTimeout = (value: number) => Type.Integer({ minimum: 1, default: value })

export const secureTransportOptions = optionsObject({
  maxHeaderCount: Type.Integer({ minimum: 1, default: 100 }),
  hstsMaxAgeSeconds: Type.Integer({ minimum: 0, default: 31_536_000 }),
  tlsEndsInFront: Type.Boolean({ default: false })
})

export const peerAgentOptions = optionsObject({
  ca: Type.String(),
  certificate: Type.Optional(Type.String({ minLength: 1 })),
  privateKey: Type.Optional(Type.String({ minLength: 1 })),
  addresses: Type.Record(
    Type.String(),
    customOption<string>('an IP address', value => typeof value === 'string' && isIP(value) !== 0),
    { default: {} }
  ),
  serverName: Type.Optional(Type.String({ minLength: 1 })),
  connections: Type.Integer({ minimum: 1, default: 64 }),
  maxQueued: Type.Integer({ minimum: 0, default: 256 }),
  queueTimeoutMs: Type.Optional(Type.Integer({ minimum: 1, defaultText: 'headersTimeoutMs' })),
  connectTimeoutMs: connectionTimeout(5000),
  headersTimeoutMs: connectionTimeout(10_000),
  bodyTimeoutMs: connectionTimeout(30_000)
})

/** @throws {TransportOptionsError} `SALLYPORT_TRANSPORT_OPTIONS_INVALID`, naming every mistake */
export function readSecureTransportOptions(given: SecureTransportOptions): ReadOptions<typeof secureTransportOptions> {
  return readOptions({ schema: secureTransportOptions, error: TransportOptionsError }, given)
}

/** @throws {TransportOptionsError} `SALLYPORT_TRANSPORT_OPTIONS_INVALID`, naming every mistake */
export function readPeerAgentOptions(given: PeerAgentOptions): ReadOptions<typeof peerAgentOptions> {
  return readOptions(
    {
      schema: peerAgentOptions,
      error: TransportOptionsError,
      rules: [
        {
          of: ['certificate', 'privateKey'],
          mistakes: ({ certificate, privateKey }) =>
            (certificate === undefined) === (privateKey === undefined)
              ? []
              : ['certificate and privateKey belong together']
        }
      ]
    },
    given
  )
}
