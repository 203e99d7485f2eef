import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** How much of an unwanted body is read, and for how long, before the connection is closed. */
export interface LingerLimits {
  readonly maxBytes: number
  readonly maxMs: number
}

/**
 * The payload of an answer that leaves before the body of the request has arrived, on a connection that closes after
 * it. The answer leaves at once; its end waits until the client has sent the rest. If the connection closed at once,
 * the bytes that are still on their way would reset it, and the client could lose the answer.
 * @returns the payload to send instead, `null` when there is nothing to wait for
 * @see RFC 9112 §9.6
 */
export function lingeringPayload(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  limits: LingerLimits
): Readable | null {
  if (
    request.raw.complete ||
    !(typeof payload === 'string' || payload instanceof Buffer || payload instanceof Readable)
  ) {
    return null
  }
  const closes = reply.getHeader('connection') === 'close' || !reply.raw.shouldKeepAlive
  if (!closes) return null
  if (!(payload instanceof Readable)) void reply.header('content-length', Buffer.byteLength(payload))
  return Readable.from(payloadThenWait(request, payload, limits), { objectMode: false })
}

async function* payloadThenWait(
  { raw }: FastifyRequest,
  payload: string | Buffer | Readable,
  limits: LingerLimits
): AsyncGenerator<unknown> {
  if (payload instanceof Readable) yield* payload
  else yield payload
  await restOfBody(raw, limits)
}

/** Reads the rest of a request and drops it. Resolves when the client has sent it, has gone, or the limits are over. */
export async function restOfBody(raw: IncomingMessage, { maxBytes, maxMs }: LingerLimits): Promise<void> {
  if (raw.complete || raw.destroyed) return
  await new Promise<void>(resolve => {
    let bytes = 0
    const timer = setTimeout(resolve, maxMs)
    raw
      .once('close', resolve)
      .once('end', resolve)
      .on('data', (chunk: Buffer) => {
        bytes += chunk.byteLength
        if (bytes > maxBytes) resolve()
      })
    // Nobody else reads it.
    raw.unpipe()
    raw.resume()
    raw.once('close', () => {
      clearTimeout(timer)
    })
  })
}
