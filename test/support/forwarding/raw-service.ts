import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Test } from 'tap'

/** What a service received of one request. */
export interface RawRequest {
  readonly method: string
  readonly url: string
  readonly rawHeaders: readonly string[]
  readonly body: string
}

/** A service that answers with bytes of the test's choice. */
export interface RawService {
  readonly origin: string
  /** Requests that came as a whole. */
  readonly received: RawRequest[]
  /** Connections that are open. */
  readonly sockets: Set<Socket>
  /** Called when the head of a request is here, before its body. */
  onHead: (request: IncomingMessage, socket: Socket) => void
  /** Answers a request that is here as a whole. */
  answer: (request: RawRequest, socket: Socket) => void
}

/** An answer of 200 with this body, in bytes. */
export function plainAnswer(body: string, headers: readonly string[] = []): string {
  return ['HTTP/1.1 200 OK', `content-length: ${Buffer.byteLength(body)}`, ...headers, '', body].join('\r\n')
}

/** A plain-HTTP service on loopback, which answers each request with `ok`. */
export async function startRawService(t: Pick<Test, 'after'>): Promise<RawService> {
  const server = createServer({ keepAliveTimeout: 60_000 })
  const service: RawService = {
    origin: '',
    received: [],
    sockets: new Set(),
    onHead: () => {},
    answer: (_request, socket) => {
      socket.write(plainAnswer('ok'))
    }
  }
  server.on('connection', socket => {
    service.sockets.add(socket)
    socket.on('error', () => {}).once('close', () => service.sockets.delete(socket))
  })
  server.on('request', (request: IncomingMessage, response) => {
    const chunks: Buffer[] = []
    request
      .on('error', () => {})
      .on('data', (chunk: Buffer) => chunks.push(chunk))
      .on('end', () => {
        const { method = '', url = '', rawHeaders } = request
        const whole = { method, url, rawHeaders, body: Buffer.concat(chunks).toString('latin1') }
        service.received.push(whole)
        service.answer(whole, socket)
      })
    // Node's own answer would never end, and the next request would wait for it.
    const { socket } = request
    response.detachSocket(socket)
    service.onHead(request, socket)
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
