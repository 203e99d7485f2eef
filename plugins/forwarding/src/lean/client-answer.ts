import type { FastifyReply, FastifyRequest } from 'fastify'
import { type LingerLimits, restOfBody } from '../linger.ts'

/** Answers that have no body, whatever their head says. @see RFC 9110 §6.4.1 */
const BODILESS: readonly number[] = [204, 304]

/** The largest body that is worth copying for the sake of one write, in bytes. */
const ONE_WRITE_BYTES = 16 * 1024

/** The answer of a service as it is written to the client, past Fastify. */
export class ClientAnswer {
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #linger: LingerLimits
  #held: Buffer[] = []

  constructor(request: FastifyRequest, reply: FastifyReply, linger: LingerLimits) {
    this.#request = request
    this.#reply = reply
    this.#linger = linger
  }

  get holdsData(): boolean {
    return this.#held.length > 0
  }

  /** Keeps data until the head leaves. */
  hold(chunk: Buffer): void {
    this.#held.push(chunk)
  }

  /** Takes the answer over from Fastify and writes its head: what plugins and the service have put on the reply. */
  writeHead(...more: readonly string[]): void {
    const { raw } = this.#reply
    if (raw.statusCode === 204) void this.#reply.removeHeader('content-type').removeHeader('content-length')
    const fields: Array<string | number | string[]> = [...more]
    const headers = this.#reply.getHeaders()
    for (const name in headers) {
      const value = headers[name]
      if (value !== undefined) fields.push(name, value)
    }
    raw.writeHead(raw.statusCode, fields)
    this.#reply.hijack()
  }

  /** @returns false when the client has to catch up first */
  writeHeld(): boolean {
    if (!this.holdsData) {
      this.#reply.raw.flushHeaders()
      return true
    }
    const chunks = this.#held
    this.#held = []
    return chunks.map(chunk => this.write(chunk)).every(Boolean)
  }

  /** @returns false when the client has to catch up first */
  write(chunk: Buffer): boolean {
    return this.#reply.raw.write(chunk)
  }

  /** Writes an answer of which everything is here. */
  writeWhole(): void {
    const { raw } = this.#reply
    const [first] = this.#held
    if (first === undefined) this.#writeEmpty()
    else if (this.#held.length === 1 && first.byteLength <= ONE_WRITE_BYTES) this.#writeAtOnce(first)
    else {
      this.writeHead()
      for (const chunk of this.#held) raw.write(chunk)
    }
    this.#held = []
    this.end()
  }

  /**
   * Head and body in one write: Node joins two texts, and for a text and a buffer, or a text and the end, it takes a
   * vectored write, which costs twice as much.
   */
  #writeAtOnce(body: Buffer): void {
    const { raw } = this.#reply
    this.writeHead()
    raw.write(body.toString('latin1'), 'latin1')
    raw.socket?.uncork()
  }

  /**
   * Ends the answer. While the client is still sending, that waits: if the connection closed at once, the bytes that
   * are on their way would reset it, and the client could lose the answer.
   */
  end(): void {
    const { raw } = this.#request
    if (raw.complete || raw.destroyed) this.#reply.raw.end()
    else {
      void restOfBody(raw, this.#linger).then(() => this.#reply.raw.end())
    }
  }

  /** An empty body needs no chunks. @see RFC 9110 §8.6 */
  #writeEmpty(): void {
    const { raw } = this.#reply
    const isBodiless = this.#request.method === 'HEAD' || BODILESS.includes(raw.statusCode)
    const inChunks = raw.useChunkedEncodingByDefault && !isBodiless && !this.#reply.hasHeader('content-length')
    if (inChunks) this.writeHead('Content-Length', '0')
    else this.writeHead()
  }
}
