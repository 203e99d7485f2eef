import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { request } from 'undici'
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import type { Soak } from './types.ts'

const MEBIBYTE = 1024 * 1024
const LARGE_BYTES = 1024 * MEBIBYTE
const CHUNK = Buffer.alloc(MEBIBYTE, 'x')
/** So much more than idle is flat: what one direction buffers, and what V8 has not collected yet. */
const FLAT_MEBIBYTES = 100
/** A sender looks again after so long, in ms, whether its peer has caught up. */
const LOOK_MS = 2

/**
 * 1 GiB each way through the gateway, over HTTP and over a WebSocket, one after another: every byte arrives, and the
 * memory of the gateway stays what it was.
 */
export const largeStreams: Soak = async log => {
  const service = await startLargeService()
  const gateway = await startGateway(service.origin)
  const broken: string[] = []
  const counts: Record<string, number> = {}
  try {
    const runs = { download, upload, 'WebSocket download': socketDownload, 'WebSocket upload': socketUpload }
    // What a first run of each loads and compiles stays.
    for (const run of Object.values(runs)) await run(gateway, 32 * MEBIBYTE)
    const idle = await gateway.memory()
    counts['idle MiB'] = idle
    for (const [name, run] of Object.entries(runs)) {
      const startedAt = performance.now()
      const sampling = samplePeak(gateway)
      const bytes = await run(gateway, LARGE_BYTES)
      const peak = await sampling.stop()
      const seconds = (performance.now() - startedAt) / 1000
      log(`${name}: ${bytes / MEBIBYTE} MiB in ${seconds.toFixed(1)} s, at most ${peak} MiB resident`)
      counts[`${name}: MiB per second`] = Math.round(bytes / MEBIBYTE / seconds)
      counts[`${name}: peak MiB`] = peak
      if (bytes !== LARGE_BYTES) broken.push(`${name}: ${bytes} of ${LARGE_BYTES} bytes arrived`)
      if (peak > idle + FLAT_MEBIBYTES) broken.push(`${name}: memory rose from ${idle} to ${peak} MiB`)
    }
    return { counts, broken }
  } finally {
    gateway.child.kill()
    service.close()
  }
}

interface LargeGateway {
  readonly child: ChildProcess
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Resident, in MiB. */
  readonly memory: () => Promise<number>
}

async function startGateway(upstream: string): Promise<LargeGateway> {
  const route = { stream: true, webSocket: {}, timeouts: { headMs: 600_000 } }
  const child = fork(new URL('../support/flooded-gateway.ts', import.meta.url), {
    execArgv: ['--conditions=@sallyport/source', '--disable-warning=ExperimentalWarning'],
    env: {
      ...process.env,
      UPSTREAM: upstream,
      ROUTE: JSON.stringify(route),
      MAX_BODY_BYTES: String(LARGE_BYTES),
      REQUEST_TIMEOUT_MS: '600000'
    }
  })
  const [{ port, token }] = (await once(child, 'message')) as [{ port: number; token: string }]
  return {
    child,
    url: `http://127.0.0.1:${port}/orders/large`,
    headers: { authorization: `Bearer ${token}` },
    memory: async () => {
      child.send('memory')
      const [{ rss }] = (await once(child, 'message')) as [{ rss: number }]
      return Math.round(rss / MEBIBYTE)
    }
  }
}

function samplePeak(gateway: LargeGateway): { readonly stop: () => Promise<number> } {
  const state = { isOver: false, peak: 0 }
  const samples = (async () => {
    while (!state.isOver) {
      state.peak = Math.max(state.peak, await gateway.memory())
      await pause(100)
    }
  })()
  return {
    stop: async () => {
      state.isOver = true
      await samples
      return state.peak
    }
  }
}

/** The service: sends what is asked for, and says how much it got. */
async function startLargeService(): Promise<{ readonly origin: string; readonly close: () => void }> {
  const server = createServer(answerLarge)
  new WebSocketServer({ server, maxPayload: 0 }).on('connection', (socket, message) => {
    const bytes = bytesAsked(message)
    if (bytes > 0) void sendLarge(socket, bytes).then(() => socket.close(1000))
    else countReceived(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections()
      server.close()
    }
  }
}

function answerLarge(message: IncomingMessage, response: ServerResponse): void {
  if (message.method === 'GET') {
    Readable.from(chunksOf(bytesAsked(message))).pipe(response)
    return
  }
  let bytes = 0
  message.on('data', (chunk: Buffer) => (bytes += chunk.length)).on('end', () => response.end(String(bytes)))
}

function bytesAsked({ url = '' }: IncomingMessage): number {
  return Number(url.split('?bytes=')[1] ?? 0)
}

function* chunksOf(bytes: number): Generator<Buffer> {
  for (let sent = 0; sent < bytes; sent += CHUNK.length) yield CHUNK
}

/** Messages of one chunk, as fast as they are read, and an empty one at the end. */
async function sendLarge(socket: WebSocket, bytes: number): Promise<void> {
  for (let sent = CHUNK.length; sent <= bytes; sent += CHUNK.length) {
    socket.send(CHUNK)
    while (socket.bufferedAmount > 4 * CHUNK.length) await pause(LOOK_MS)
  }
  socket.send(Buffer.alloc(0))
}

/** Counts what comes, and says the sum at the end. */
function countReceived(socket: WebSocket): void {
  let bytes = 0
  socket.on('message', (data: RawData) => {
    bytes += (data as Buffer).length
    if ((data as Buffer).length === 0) socket.close(1000, String(bytes))
  })
}

async function download({ url, headers }: LargeGateway, bytes: number): Promise<number> {
  const { body } = await request(`${url}?bytes=${bytes}`, { headers })
  let received = 0
  for await (const chunk of body) received += (chunk as Buffer).length
  return received
}

async function upload({ url, headers }: LargeGateway, bytes: number): Promise<number> {
  const { body } = await request(url, {
    method: 'PUT',
    headers,
    body: Readable.from(chunksOf(bytes)),
    headersTimeout: 0
  })
  const text = await body.text()
  if (!/^\d+$/.test(text)) throw new Error(text)
  return Number(text)
}

async function socketDownload({ url, headers }: LargeGateway, bytes: number): Promise<number> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}?bytes=${bytes}`, { headers, maxPayload: 0 })
  let received = 0
  socket.on('message', (data: RawData) => (received += (data as Buffer).length))
  await once(socket, 'close')
  return received
}

async function socketUpload({ url, headers }: LargeGateway, bytes: number): Promise<number> {
  const socket = new WebSocket(url.replace('http', 'ws'), { headers })
  await once(socket, 'open')
  const closed = once(socket, 'close')
  await sendLarge(socket, bytes)
  const [, reason] = await closed
  return Number(String(reason))
}
