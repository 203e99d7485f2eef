import type { Duplex } from 'node:stream'
import type { MonotonicClock, StartTimer } from '@sallyport/security-context/mechanics'
import { clientStatus, closeFrameForClient, closeFrameForService, type EndOfSocket } from './close-frames.ts'
import { FrameReader } from './frame-reader.ts'
import type { OpenSocket } from './open-sockets.ts'

/** How long both sides have to close after one of them, or the gateway, has begun to, in ms. */
export const CLOSING_MS = 3000

/** What a tunnel joins, and by what it ends. */
export interface TunnelParts {
  readonly client: Duplex
  readonly service: Duplex
  readonly idleMs: number
  /** `null`: no limit. */
  readonly totalMs: number | null
  readonly clock: MonotonicClock
  readonly startTimer: StartTimer
  /** Called once, when both connections are closed. */
  readonly ended: (tunnel: SocketTunnel, reason: EndOfSocket) => void
}

/**
 * How far a tunnel is.
 *
 * - `open`: bytes pass.
 * - `finishing`: it ends as soon as the frame that the client is getting is complete.
 * - `closing`: both sides know; what they still send is dropped.
 */
type TunnelPhase = 'open' | 'finishing' | 'closing' | 'over'

/**
 * The two connections of a WebSocket, joined. Bytes pass as they are; a side that reads slowly slows the other one
 * down, so that nothing piles up here. The gateway ends it with a Close frame of its own, between two frames of the
 * service.
 */
export class SocketTunnel implements OpenSocket {
  place = -1
  /** What has passed, in bytes. */
  readonly passed = { fromClient: 0, fromService: 0 }
  readonly #parts: TunnelParts
  readonly #fromClient = new FrameReader(true)
  readonly #fromService = new FrameReader(false)
  readonly #total: ReturnType<StartTimer> | null
  #phase: TunnelPhase = 'open'
  #reason: EndOfSocket | null = null
  #lastByteAtMs: number
  #idle: ReturnType<StartTimer>
  #closing: ReturnType<StartTimer> | null = null

  constructor(parts: TunnelParts) {
    const { client, service, idleMs, totalMs, clock, startTimer } = parts
    this.#parts = parts
    this.#lastByteAtMs = clock()
    this.#idle = startTimer(this.#lookWhetherIdle, idleMs)
    this.#total = totalMs === null ? null : startTimer(this.end.bind(this, 'time-over'), totalMs)
    client.on('data', this.#takeFromClient).once('end', this.#clientEnds).once('close', this.#clientCloses)
    service.on('data', this.#takeFromService).once('end', this.#serviceEnds).once('close', this.#serviceCloses)
    client.resume()
    service.resume()
    process.nextTick(this.#lookWhetherGone)
  }

  /** Ends it when the frame that the client is getting is complete, and at the latest after {@link CLOSING_MS}. */
  end(reason: EndOfSocket): void {
    if (this.#phase !== 'open') return
    this.#reason ??= reason
    this.#phase = 'finishing'
    this.#limitClosing()
    if (this.#fromService.isBetweenFrames) this.#sayGoodbye()
  }

  readonly #takeFromClient = (chunk: Buffer): void => {
    if (this.#phase !== 'open') return
    this.#lastByteAtMs = this.#parts.clock()
    for (let at = 0; at < chunk.length && !this.#fromClient.isBroken;) at = this.#fromClient.read(chunk, at)
    if (this.#fromClient.isBroken) return this.end('protocol-broken')
    this.passed.fromClient += chunk.length
    passBytes(chunk, this.#parts.client, this.#parts.service)
  }

  readonly #takeFromService = (chunk: Buffer): void => {
    if (this.#phase !== 'open' && this.#phase !== 'finishing') return
    this.#lastByteAtMs = this.#parts.clock()
    const reader = this.#fromService
    let at = 0
    let frameEnd = reader.isBetweenFrames ? 0 : -1
    while (at < chunk.length && !reader.isBroken) {
      at = reader.read(chunk, at)
      if (!reader.isBetweenFrames) continue
      frameEnd = at
      if (this.#phase === 'finishing') break
    }
    // Of what is no frame nothing goes on, so that the client can still be told why it ends.
    this.#passToClient(chunk, reader.isBroken ? Math.max(0, frameEnd) : at)
    if (reader.isBroken) this.#breakService(frameEnd !== -1)
    else if (this.#phase === 'finishing' && reader.isBetweenFrames) this.#sayGoodbye()
  }

  #passToClient(chunk: Buffer, length: number): void {
    const { client, service } = this.#parts
    if (length === 0) return
    this.passed.fromService += length
    passBytes(length === chunk.length ? chunk : chunk.subarray(0, length), service, client)
  }

  #breakService(isBetweenFrames: boolean): void {
    this.#reason ??= 'protocol-broken'
    this.#limitClosing()
    this.#sayGoodbye(isBetweenFrames)
  }

  /** Tells both sides that it ends, and waits until they have closed. */
  #sayGoodbye(isBetweenFrames = this.#fromService.isBetweenFrames): void {
    const { client, service } = this.#parts
    this.#phase = 'closing'
    const mayTellService = this.#fromClient.isBetweenFrames && !this.#fromClient.hasClosed
    if (isOpen(service)) service.end(mayTellService ? closeFrameForService() : undefined)
    const status = this.#reason === null ? null : clientStatus(this.#reason)
    const mayTellClient = status !== null && isBetweenFrames && !this.#fromService.hasClosed
    if (isOpen(client)) client.end(mayTellClient ? closeFrameForClient(status) : undefined)
    // What they still send is read and dropped: unread bytes would reset the connection, and the frame could be lost.
    client.resume()
    service.resume()
  }

  readonly #clientEnds = (): void => {
    this.#sideEnds('client-left', this.#parts.service)
  }

  readonly #serviceEnds = (): void => {
    this.#sideEnds('service-left', this.#parts.client)
  }

  /** One side sends nothing more. After a Close frame that is how it ends; otherwise the other side has to be told. */
  #sideEnds(reason: EndOfSocket, other: Duplex): void {
    this.#limitClosing()
    if (this.#phase === 'open' && this.#hasClosed()) {
      this.#reason ??= 'closed'
      if (isOpen(other)) other.end()
    } else if (this.#phase === 'open' || this.#phase === 'finishing') {
      this.#reason ??= reason
      this.#sayGoodbye()
    }
  }

  readonly #clientCloses = (): void => {
    this.#sideEnds('client-left', this.#parts.service)
    this.#settle()
  }

  readonly #serviceCloses = (): void => {
    this.#sideEnds('service-left', this.#parts.client)
    this.#settle()
  }

  /** A side that was gone before anybody listened to it does not say so again. */
  readonly #lookWhetherGone = (): void => {
    if (this.#parts.client.destroyed) this.#clientCloses()
    if (this.#parts.service.destroyed) this.#serviceCloses()
  }

  #hasClosed(): boolean {
    return this.#fromClient.hasClosed || this.#fromService.hasClosed
  }

  readonly #lookWhetherIdle = (): void => {
    const leftMs = this.#lastByteAtMs + this.#parts.idleMs - this.#parts.clock()
    if (leftMs <= 0) this.end('idle')
    else this.#idle = this.#parts.startTimer(this.#lookWhetherIdle, leftMs)
  }

  #limitClosing(): void {
    this.#closing ??= this.#parts.startTimer(() => {
      this.#parts.client.destroy()
      this.#parts.service.destroy()
    }, CLOSING_MS)
  }

  #settle(): void {
    const { client, service, ended } = this.#parts
    if (!client.destroyed || !service.destroyed || this.#phase === 'over') return
    this.#phase = 'over'
    this.#idle.stop()
    this.#total?.stop()
    this.#closing?.stop()
    ended(this, this.#reason ?? 'closed')
  }
}

function isOpen(side: Duplex): boolean {
  return !side.writableEnded && !side.destroyed
}

/** A side that has to catch up pauses the other one. */
function passBytes(chunk: Buffer, from: Duplex, to: Duplex): void {
  if (!isOpen(to) || to.write(chunk)) return
  from.pause()
  to.once('drain', from.resume.bind(from))
}
