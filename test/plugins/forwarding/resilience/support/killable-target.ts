import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Test } from 'tap'

/** One target of an upstream, as a server of its own. */
export interface KillableTarget {
  readonly origin: string
  /** Paths of the requests that came, the newest last. */
  readonly paths: string[]
  /** Requests that are not answered. */
  pending: number
  answer: (request: IncomingMessage, response: ServerResponse) => void
  /** Ends listener and connections at once, as the end of a process does. */
  readonly kill: () => Promise<void>
  /** Listens again where it did. */
  readonly revive: () => Promise<void>
}

/** Starts a server that answers each request with 200 and its own port. */
export async function startTarget(t: Pick<Test, 'after'>): Promise<KillableTarget> {
  const sockets = new Set<Socket>()
  let port = 0
  let server: Server | null = null

  async function listen(): Promise<void> {
    const started = createServer((request, response) => {
      target.paths.push(request.url ?? '')
      target.pending++
      response.once('close', () => target.pending--)
      target.answer(request, response)
    })
    started.on('connection', socket => {
      sockets.add(socket)
      socket.on('error', () => {}).once('close', () => sockets.delete(socket))
    })
    started.listen(port, '127.0.0.1')
    await once(started, 'listening')
    server = started
    ;({ port } = started.address() as AddressInfo)
  }

  async function kill(): Promise<void> {
    const running = server
    server = null
    if (running === null) return
    running.close()
    for (const socket of sockets) socket.destroy()
    if (running.listening) await once(running, 'close')
  }

  const target: KillableTarget = {
    get origin() {
      return `http://127.0.0.1:${port}`
    },
    paths: [],
    pending: 0,
    answer: (request, response) => {
      request.resume().once('end', () => response.end(String(port)))
    },
    kill,
    revive: listen
  }
  await listen()
  t.after(kill)
  return target
}
