import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { connect, createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import type { Test } from 'tap'
import { WebSocket, WebSocketServer, type ServerOptions } from 'ws'
import type { RawService } from './raw-service.ts'

/** A service that has WebSockets. */
export interface SocketService extends RawService {
  /** What asked for one, in turn. */
  readonly asked: IncomingMessage[]
  /** Those that are open at the service. */
  readonly opened: WebSocket[]
  /** Close codes that it got. */
  readonly codes: number[]
  /** Called with each one; answers what it gets until a test replaces it. */
  take: (socket: WebSocket) => void
}

/** A service over plain HTTP on loopback that sends back what it gets. */
export async function startSocketService(
  t: Pick<Test, 'after'>,
  options: Pick<ServerOptions, 'handleProtocols' | 'perMessageDeflate'> = {}
): Promise<SocketService> {
  const server = createServer((_request, response) => response.end('no WebSocket'))
  const sockets = new WebSocketServer({ server, ...options })
  const service: SocketService = {
    origin: '',
    received: [],
    sockets: new Set(),
    onHead: () => {},
    answer: () => {},
    asked: [],
    opened: [],
    codes: [],
    take: socket => {
      socket.on('message', (data, isBinary) => {
        socket.send(data, { binary: isBinary })
      })
    }
  }
  server.on('connection', socket => {
    service.sockets.add(socket)
    socket.on('error', () => {}).once('close', () => service.sockets.delete(socket))
  })
  sockets.on('connection', (socket, request) => {
    service.asked.push(request)
    service.opened.push(socket)
    socket.on('error', () => {}).on('close', code => service.codes.push(code))
    service.take(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of service.sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return Object.assign(service, { origin: `http://127.0.0.1:${port}` })
}

/** A service that answers the head of each request with what a test says, and then does what it says. */
export async function startScriptedService(
  t: Pick<Test, 'after'>,
  script: (head: string, socket: Socket) => void
): Promise<RawService> {
  const sockets = new Set<Socket>()
  const server = createTcpServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {}).once('close', () => sockets.delete(socket))
    socket.once('data', chunk => {
      script(chunk.toString('latin1'), socket)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { origin: `http://127.0.0.1:${port}`, received: [], sockets, onHead: () => {}, answer: () => {} }
}

/** A client, as it ended or was refused. */
export interface OpenedClient {
  readonly socket: WebSocket
  readonly messages: string[]
  /** Resolves with code and reason when it has closed. */
  readonly closed: Promise<readonly [code: number, reason: string]>
}

/** Opens a WebSocket; rejects with the status of a refusal. */
export async function openClient(
  url: string,
  headers: Readonly<Record<string, string>> = {},
  protocols: string[] = []
): Promise<OpenedClient> {
  const socket = new WebSocket(url.replace('http', 'ws'), protocols, { headers, perMessageDeflate: false })
  const messages: string[] = []
  socket.on('message', data => messages.push(String(data)))
  const closed = new Promise<readonly [number, string]>(resolve => {
    socket.once('close', (code, reason) => {
      resolve([code, String(reason)])
    })
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('unexpected-response', (_request, response) => {
      let body = ''
      response
        .on('data', chunk => (body += chunk))
        .on('end', () => {
          const code: unknown = body.startsWith('{') ? JSON.parse(body).code : body
          reject(Object.assign(new Error(`${response.statusCode} ${String(code)}`), { response }))
        })
    })
    socket.once('error', reject)
  })
  socket.on('error', () => {})
  return { socket, messages, closed }
}

/** Why a WebSocket is refused, as `status code`. */
export async function refusalOf(
  url: string,
  headers: Readonly<Record<string, string>> = {},
  protocols: string[] = []
): Promise<string> {
  const opened = await openClient(url, headers, protocols).catch((error: unknown) => error)
  if (opened instanceof Error) return opened.message
  return 'opened'
}

/** `dGhlIHNhbXBsZSBub25jZQ==`, the key of RFC 6455 §1.3, and what answers it. */
export const SAMPLE_KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
export const SAMPLE_ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

/** The lines of a handshake; `replaced` stand in place of those of the same name, `null` for none. */
export function handshakeText(replaced: Readonly<Record<string, string | null>> = {}, requestLine?: string): string {
  const lines: Record<string, string | null> = {
    Host: 'gateway.example',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Key': SAMPLE_KEY,
    'Sec-WebSocket-Version': '13',
    Origin: 'https://edge.example',
    ...replaced
  }
  const fields = Object.entries(lines).flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}`]))
  return [requestLine ?? 'GET /orders HTTP/1.1', ...fields, '', ''].join('\r\n')
}

/** The answer of a service that switches. */
export function switchText(replaced: Readonly<Record<string, string | null>> = {}): string {
  const lines: Record<string, string | null> = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Accept': SAMPLE_ACCEPT,
    ...replaced
  }
  const fields = Object.entries(lines).flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}`]))
  return ['HTTP/1.1 101 Switching Protocols', ...fields, '', ''].join('\r\n')
}

/** A connection of bytes, with what came back. */
export interface RawClient {
  readonly socket: Socket
  readonly received: () => Buffer
  readonly closed: Promise<unknown>
}

/** Sends bytes and keeps what comes back. */
export function sendBytes(port: number, text: string): RawClient {
  const socket = connect(port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('error', () => {}).on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.write(text, 'latin1')
  return { socket, received: () => Buffer.concat(chunks), closed: once(socket, 'close') }
}
