import { lookup as systemLookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { defined, isLoopback } from '@sallyport/security-context/mechanics'
import { Agent, buildConnector, type Dispatcher } from 'undici'
import { type CallQueues, createCallQueues } from './call-queue.ts'
import { PlaintextRefusedError } from './errors.ts'
import { readPeerAgentOptions, type PeerAgentOptions } from './options.ts'
import { readBeforeFailing } from './read-before-failing.ts'

/**
 * An undici agent whose calls wait in bounded queues, one for each origin. A waiting call ends with its signal and with
 * the limit of the wait; undici's own queue has neither.
 */
export class PeerAgent extends Agent {
  readonly #queues: CallQueues

  constructor(options: Agent.Options, queues: CallQueues) {
    super(options)
    this.#queues = queues
  }

  override dispatch(options: Agent.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const signal = 'signal' in options ? options.signal : null
    return this.#queues.dispatch(String(options.origin), signal, handler, queued => super.dispatch(options, queued))
  }

  /** Calls under way and calls that wait, by origin. */
  counts(): ReturnType<CallQueues['counts']> {
    return this.#queues.counts()
  }
}

/**
 * An undici agent for calls to peers: at least TLS 1.2, the certificate of the peer always verified for the host name
 * of the URL (never for a `Host` header of the request), plain HTTP only to loopback, and a bounded number of calls. A
 * plain-HTTP call that is refused rejects with code `SALLYPORT_TRANSPORT_PLAINTEXT_REFUSED`, one too many with
 * `SALLYPORT_TRANSPORT_PEER_BUSY`.
 * @throws {TransportOptionsError} `SALLYPORT_TRANSPORT_OPTIONS_INVALID`, naming every mistake
 * @see RFC 9110 §4.3.4
 */
export function createPeerAgent(given: PeerAgentOptions): PeerAgent {
  const options = readPeerAgentOptions(given)
  const { connections, maxQueued, headersTimeoutMs, queueTimeoutMs = headersTimeoutMs } = options
  return new PeerAgent(
    {
      connections,
      headersTimeout: headersTimeoutMs,
      bodyTimeout: options.bodyTimeoutMs,
      connect: connectorOf(options)
    },
    createCallQueues({ connections, maxQueued, queueTimeoutMs })
  )
}

function connectorOf(options: ReturnType<typeof readPeerAgentOptions>): buildConnector.connector {
  const connector = buildConnector({
    ca: options.ca,
    ...defined({ cert: options.certificate, key: options.privateKey }),
    // Explicit, because NODE_TLS_REJECT_UNAUTHORIZED=0 changes the default.
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    allowH2: false,
    timeout: options.connectTimeoutMs,
    lookup: lookupIn(options.addresses)
  })
  return (target, callback) => {
    if (target.protocol !== 'https:' && !isLoopback(target.hostname)) {
      callback(new PlaintextRefusedError(target.hostname), null)
      return
    }
    const { serverName = isIP(target.hostname) === 0 ? target.hostname : undefined } = options
    connector({ ...target, ...defined({ servername: serverName }) }, (...answer) => {
      const [error, socket] = answer
      // On an error undici omits the second argument.
      if (error === null) readBeforeFailing(socket)
      callback(...answer)
    })
  }
}

/** Resolves names from the table first. Node's sockets use both callback forms of `dns.lookup`. */
function lookupIn(addresses: Readonly<Record<string, string>>): LookupFunction {
  const table = new Map(Object.entries(addresses))
  return (hostname, options, callback) => {
    const address = table.get(hostname)
    if (address === undefined) systemLookup(hostname, options, callback)
    else if (options.all === true) callback(null, [{ address, family: isIP(address) }])
    else callback(null, address, isIP(address))
  }
}
