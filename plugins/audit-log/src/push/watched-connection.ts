import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

/** @see RFC 8446 §5.1, RFC 5246 §6.2.1 */
const RECORD_HEADER_BYTES = 5
const ALERT = 21
const APPLICATION_DATA = 23
/** An alert of TLS 1.3: level, description, type of its content, and the tag of every cipher that it has. */
const SEALED_ALERT_BYTES = 2 + 1 + 16

/**
 * A connection under TLS that knows whether its peer ended with an alert. Node says the same of a peer that closed
 * TLS and of one that died; whether the last record was an alert can be seen by its type and length alone.
 */
export class WatchedConnection extends Duplex {
  readonly #socket: Socket
  #header = Buffer.alloc(0)
  #left = 0
  #wasAlert = false

  constructor(socket: Socket) {
    super({ allowHalfOpen: true })
    this.#socket = socket
    socket.on('data', (part: Buffer) => {
      this.#watch(part)
      if (!this.push(part)) socket.pause()
    })
    socket.once('end', () => this.push(null))
    socket.once('error', error => this.destroy(error))
    socket.once('close', () => this.destroy())
  }

  /** Whether the last record that came is whole, and an alert. */
  get endedWithAlert(): boolean {
    return this.#wasAlert && this.#left === 0 && this.#header.length === 0
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(part: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(part, done)
  }

  override _final(done: () => void): void {
    this.#socket.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }

  #watch(part: Buffer): void {
    for (let at = 0; at < part.length;) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, part.length - at)
        this.#left -= taken
        at += taken
        continue
      }
      const taken = Math.min(RECORD_HEADER_BYTES - this.#header.length, part.length - at)
      this.#header = Buffer.concat([this.#header, part.subarray(at, at + taken)])
      at += taken
      if (this.#header.length < RECORD_HEADER_BYTES) return
      const [type, length] = [this.#header.readUInt8(0), this.#header.readUInt16BE(3)]
      this.#wasAlert = type === ALERT || (type === APPLICATION_DATA && length === SEALED_ALERT_BYTES)
      this.#left = length
      this.#header = Buffer.alloc(0)
    }
  }
}
