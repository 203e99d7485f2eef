import { type Readable, Transform } from 'node:stream'
import { ForwardedBodyTooLargeError, ClientLeftError } from './errors.ts'

/**
 * The same body, cut off with `SALLYPORT_FORWARDING_BODY_TOO_LARGE` once more than `maxBytes` have passed. The end of
 * one side does not destroy the other: the connection of the client must survive to carry the answer.
 * @param payload the client's body; a declared length has been checked already, an undeclared one is counted here
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
