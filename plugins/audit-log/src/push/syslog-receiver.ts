import { connect as openConnection, isIP } from 'node:net'
import { hostname } from 'node:os'
import { connect as openTls } from 'node:tls'
import { LEAST_SYSLOG_BYTES, syslogMessage } from './syslog-message.ts'
import { trustForNode, type ReceiverTrust, type TrailReceiver } from './receiver.ts'
import { WatchedConnection } from './watched-connection.ts'

/** How {@link syslogReceiver} writes messages, and whom it believes. */
export interface SyslogReceiverOptions extends ReceiverTrust {
  /** HOSTNAME of the messages. Default: the name of this machine. */
  readonly hostname?: string
  /**
   * Your private enterprise number, in the id of the structured data. Default `32473`, which is reserved for examples.
   */
  readonly enterpriseId?: string
  /** Longest message, in bytes, at least 4096. Default 8192, which every receiver should take. */
  readonly maxMessageBytes?: number
}

/** Where syslog over TLS is. @see RFC 5425 §4.1 */
const SYSLOG_TLS_PORT = 6514
/** @see RFC 5425 §4.3.1 */
const USUAL_MESSAGE_BYTES = 8192

/**
 * A receiver of syslog messages over TLS, which verifies its certificate. Each batch has a connection of its own, which
 * ends with it: syslog has no answers, but a receiver answers the end of TLS, and so has read everything before it. One
 * that closes without that answer gets the batch again.
 * @param url `syslog+tls://siem.example.com:6514`
 * @throws {TypeError} for another URL, or one with more than a host and a port
 * @see RFC 5424, RFC 5425 §4
 */
export function syslogReceiver(url: string, options: SyslogReceiverOptions = {}): TrailReceiver {
  const {
    hostname: own = hostname(),
    enterpriseId = '32473',
    maxMessageBytes = USUAL_MESSAGE_BYTES,
    ...trust
  } = options
  const mistake = syslogUrlMistake(url)
  if (mistake !== null) throw new TypeError(`a syslog receiver ${mistake}`)
  const { hostname: named, port } = new URL(url)
  const host = named.replaceAll(/[[\]]/g, '')
  const target = { host, port: port === '' ? SYSLOG_TLS_PORT : Number(port) }
  const form = { hostname: own, enterpriseId, maxBytes: Math.max(LEAST_SYSLOG_BYTES, maxMessageBytes) }
  return {
    name: `syslog ${named}:${target.port}`,
    send: async (rows, signal) => {
      await sendFrames(Buffer.concat(rows.map(row => syslogFrame(syslogMessage(row, form)))), target, trust, signal)
      return { kind: 'taken', refused: 0 }
    }
  }
}

/** What is wrong with the address of a syslog receiver; `null` when it is right. */
export function syslogUrlMistake(url: string): string | null {
  const parsed = URL.parse(url)
  if (parsed === null || parsed.protocol !== 'syslog+tls:') return 'is no syslog+tls: URL'
  const { username, password, pathname, search, hash, hostname: host } = parsed
  if (username !== '' || password !== '') return 'carries credentials'
  return host === '' || !/^\/?$/.test(pathname) || search !== '' || hash !== ''
    ? 'has more than a host and a port'
    : null
}

/** Octet counting: no byte of a message can end it. @see RFC 5425 §4.3 */
function syslogFrame(message: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${message.byteLength} `), message])
}

interface SyslogTarget {
  readonly host: string
  readonly port: number
}

async function sendFrames(
  frames: Buffer,
  { host, port }: SyslogTarget,
  trust: ReceiverTrust,
  signal: AbortSignal
): Promise<void> {
  signal.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const connection = new WatchedConnection(openConnection({ host, port }))
  const secure = openTls({
    socket: connection,
    host,
    ...(isIP(host) === 0 && { servername: host }),
    ...trustForNode(trust)
  })
  let isSent = false
  const giveUp = (): void => {
    secure.destroy(new Error('the receiver did not answer in time'))
    connection.destroy()
  }
  signal.addEventListener('abort', giveUp, { once: true })
  secure.once('secureConnect', () => {
    secure.end(frames, () => {
      isSent = true
    })
  })
  // A receiver has nothing to say: what it sends is thrown away.
  secure.resume()
  // Both may say the same once more, when it is known already.
  connection.on('error', error => secure.destroy(error))
  secure.on('error', reject)
  secure.once('close', () => {
    if (isSent && connection.endedWithAlert) resolve()
    else reject(new Error('the receiver closed the connection without having read everything'))
  })
  try {
    await promise
  } finally {
    signal.removeEventListener('abort', giveUp)
    secure.destroy()
    connection.destroy()
  }
}
