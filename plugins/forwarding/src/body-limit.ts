import { type Readable, Transform, type TransformCallback } from 'node:stream'
import { ForwardedBodyTooLargeError, ClientLeftError } from './errors.ts'

/**
 * A body that is cut off with `SALLYPORT_FORWARDING_BODY_TOO_LARGE` once more than so many bytes have passed. A short
 * one can be kept, to be sent again.
 */
export class LimitedBody extends Transform {
  readonly #maxBytes: number
  readonly #maxKeptBytes: number
  #size = 0
  #chunks: Buffer[] = []
  #isWhole = false

  /** @param maxKeptBytes a body of at most so many is kept; 0 for none */
  constructor(maxBytes: number, maxKeptBytes: number) {
    super()
    this.#maxBytes = maxBytes
    this.#maxKeptBytes = maxKeptBytes
  }

  /** All of the body; `null` when it was not kept, or is not here as a whole. */
  get kept(): Buffer | null {
    return this.#isWhole && this.#size <= this.#maxKeptBytes ? Buffer.concat(this.#chunks) : null
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, next: TransformCallback): void {
    this.#size += chunk.byteLength
    if (this.#size > this.#maxBytes) {
      next(new ForwardedBodyTooLargeError())
      return
    }
    if (this.#size <= this.#maxKeptBytes) this.#chunks.push(chunk)
    else if (this.#chunks.length > 0) this.#chunks = []
    next(null, chunk)
  }

  override _flush(next: TransformCallback): void {
    this.#isWhole = true
    next()
  }
}

/**
 * The same body with limits. The end of one side does not destroy the other: the connection of the client must survive
 * to carry the answer.
 * @param payload the client's body; a declared length has been checked already, an undeclared one is counted here
 * @param maxKeptBytes so much is kept to be sent again
 */
export function limitBody(payload: Readable, maxBytes: number, maxKeptBytes = 0): LimitedBody {
  const counted = new LimitedBody(maxBytes, maxKeptBytes)
  // The client may leave before anybody listens here.
  counted.on('error', () => {})
  payload.once('error', error => counted.destroy(error))
  payload.once('close', () => {
    if (!payload.readableEnded) counted.destroy(new ClientLeftError())
  })
  payload.pipe(counted)
  // After a failure the rest is read and discarded until the request timeout of the server, so that the client can read
  // the answer. Registered after `pipe`, whose own listener pauses the payload.
  counted.once('close', () => {
    if (!payload.readableEnded) payload.resume()
  })
  return counted
}
