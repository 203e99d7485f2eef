// A receiver of syslog over TLS, as a SIEM is one: octet counting, RFC 5424, and nothing else is taken.
import type { AddressInfo } from 'node:net'
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls'

/** A message, taken apart as RFC 5424 §6 says. */
export interface ReceivedMessage {
  readonly priority: number
  readonly timestamp: string
  readonly hostname: string
  readonly appName: string
  readonly messageId: string
  /** The id of the structured data. */
  readonly dataId: string
  readonly parameters: Readonly<Record<string, string>>
  /** Behind the mark of UTF-8. */
  readonly text: string
  readonly bytes: number
}

/** A server that keeps what it reads. */
export interface SyslogServer {
  readonly port: number
  readonly messages: readonly ReceivedMessage[]
  /** Certificates of clients, by the names in them. */
  readonly clients: readonly string[]
  /** What is done with a connection once it has sent something, in place of reading on. */
  onData: ((socket: TLSSocket) => void) | null
  readonly close: () => Promise<void>
}

/** Starts a server on a free port of loopback. */
export async function startSyslogServer(options: TlsOptions, port = 0): Promise<SyslogServer> {
  const messages: ReceivedMessage[] = []
  const clients: string[] = []
  const open = new Set<TLSSocket>()
  const facts: { onData: SyslogServer['onData'] } = { onData: null }
  const server = createServer(options, socket => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    socket.on('error', () => {})
    const name = socket.getPeerCertificate().subjectaltname
    if (name !== undefined) clients.push(name)
    let rest: Buffer = Buffer.alloc(0)
    socket.on('data', (part: Buffer) => {
      if (facts.onData !== null) return facts.onData(socket)
      const { frames, left } = readFrames(Buffer.concat([rest, part]))
      rest = left
      messages.push(...frames.map(parseSyslog))
    })
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  return Object.assign(facts, {
    port: (server.address() as AddressInfo).port,
    messages,
    clients,
    close: async () => {
      for (const socket of open) socket.destroy()
      if (server.listening) await new Promise(resolve => server.close(resolve))
    }
  })
}

/** @see RFC 5425 §4.3 */
export function readFrames(bytes: Buffer): { readonly frames: readonly Buffer[]; readonly left: Buffer } {
  const frames: Buffer[] = []
  let at = 0
  for (;;) {
    const space = bytes.indexOf(0x20, at)
    if (space === -1) break
    const digits = bytes.subarray(at, space).toString('latin1')
    if (!/^[1-9]\d*$/.test(digits)) throw new Error(`${JSON.stringify(digits)} is no length`)
    const end = space + 1 + Number(digits)
    if (end > bytes.length) break
    frames.push(bytes.subarray(space + 1, end))
    at = end
  }
  return { frames, left: bytes.subarray(at) }
}

const HEADER = /^<(\d{1,3})>1 (\S+) ([!-~]{1,255}) ([!-~]{1,48}) - ([!-~]{1,32}) \[([^\s=\]"]{1,32})/
const PARAMETER = /^ ([^\s=\]"]{1,32})="((?:[^"\\\]]|\\["\\\]])*)"/

/** @see RFC 5424 §6; throws for what is no message */
export function parseSyslog(frame: Buffer): ReceivedMessage {
  const message = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(frame)
  const [start, priority, timestamp, hostname, appName, messageId, dataId] = HEADER.exec(message) ?? []
  if (start === undefined) throw new Error(`no header: ${JSON.stringify(message.slice(0, 200))}`)
  let rest = message.slice(start.length)
  const parameters: Record<string, string> = {}
  for (let found = PARAMETER.exec(rest); found !== null; found = PARAMETER.exec(rest)) {
    const [whole, name = '', value = ''] = found
    if (name in parameters) throw new Error(`${name} is there twice`)
    parameters[name] = value.replaceAll(/\\(["\\\]])/g, '$1')
    rest = rest.slice(whole.length)
  }
  if (!rest.startsWith('] \ufeff')) throw new Error(`no end of the data: ${JSON.stringify(rest.slice(0, 99))}`)
  return {
    priority: Number(priority),
    ...{ timestamp: timestamp ?? '', hostname: hostname ?? '', appName: appName ?? '' },
    ...{ messageId: messageId ?? '', dataId: dataId ?? '', parameters },
    text: rest.slice(3),
    bytes: frame.length
  }
}
