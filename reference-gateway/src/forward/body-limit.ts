import { type Readable, Transform } from 'node:stream'
import { ForwardedBodyTooLargeError, ClientLeftError } from '../errors.ts'

/**
 * The same body, cut off with `SALLYPORT_GATEWAY_BODY_TOO_LARGE` once more than `maxBytes` have passed. Neither side's
 * end takes the other down: the client's connection must survive to carry the answer.
 * @param payload the client's body; a declared length has been checked before, an undeclared one is counted here
 */
export function limitBody(payload: Readable, maxBytes: number): Readable {
  let size = 0
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      size += chunk.byteLength
      if (size > maxBytes) next(new ForwardedBodyTooLargeError())
      else next(null, chunk)
    }
  })
  payload.once('error', error => counted.destroy(error))
  payload.once('close', () => {
    if (!payload.readableEnded) counted.destroy(new ClientLeftError())
  })
  payload.pipe(counted)
  // After a failure the rest is read and thrown away until the server's request timeout, so that the client gets to
  // read the answer. Registered after `pipe`, whose own listener pauses the payload.
  counted.once('close', () => {
    if (!payload.readableEnded) payload.resume()
  })
  return counted
}
