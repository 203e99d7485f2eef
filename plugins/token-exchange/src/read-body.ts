/** The answer is larger than the reader accepts; an endless one would fill the memory. */
export class BodyTooLargeError extends Error {
  constructor(maxBytes: number) {
    super(`The body is larger than ${maxBytes} bytes`)
  }
}

/**
 * Reads a body as UTF-8 text and stops at a limit.
 * @param body an async iterable of chunks; it is destroyed when the loop ends early
 * @param maxBytes limit in bytes, counted while reading: a declared length is not believed
 * @throws {BodyTooLargeError} past the limit; `TypeError` when the bytes are not UTF-8
 */
export async function readBody(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.byteLength
    if (size > maxBytes) throw new BodyTooLargeError(maxBytes)
    chunks.push(chunk)
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
}

/** A JSON object, `null` for any other text. Never throws. */
export function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : null
  } catch {
    return null
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
