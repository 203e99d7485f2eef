/** A body is larger than its reader accepts; an endless one would fill the memory. */
export class OversizedBodyError extends Error {
  readonly code = 'ERR_BODY_TOO_LARGE'
  constructor(maxBytes: number) {
    super(`The body is larger than ${maxBytes} bytes`)
  }
}

/**
 * Reads a body to its end, within a limit and a deadline.
 * @param body chunks as they come, after any content coding is undone; `null` for none
 * @param maxBytes limit in bytes, counted while reading: a declared length is not believed. The stream is cancelled
 * past it
 * @param signal ends the wait for chunks; give it to the request too, which then lets go of the connection
 * @throws {OversizedBodyError} past the limit; the signal's reason once it is aborted
 */
export async function readBody(
  body: AsyncIterable<Uint8Array> | null,
  maxBytes: number,
  signal: AbortSignal
): Promise<Buffer> {
  signal.throwIfAborted()
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = (): void => {
    reject(signal.reason)
  }
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([readChunks(body ?? [], maxBytes), aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

async function readChunks(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.byteLength
    // Leaving the loop cancels the stream, so an endless answer ends here.
    if (size > maxBytes) throw new OversizedBodyError(maxBytes)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
