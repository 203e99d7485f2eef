import type { Socket } from 'node:net'

type WriteCallback = (error?: Error | null) => void

/** What a write on a connection fails with when the peer has gone, or will read no more. */
const GONE: readonly unknown[] = ['EPIPE', 'ECONNRESET']

/**
 * Lets a connection be read to its end although it cannot be written any more. A server may answer before it has read
 * the whole request, for example with 413, and close; the client's next write then fails, and Node would throw away the
 * answer that has already arrived with the connection. Here that write is dropped, and what the peer has said decides:
 * its answer, or else the error that reading ends with.
 * @see RFC 9112 §9.5, §9.6
 */
export function readBeforeFailing(socket: Socket): void {
  const write = socket._write.bind(socket)
  const writeAll = socket._writev?.bind(socket)
  let gone = false

  const tolerant =
    (callback: WriteCallback): WriteCallback =>
    error => {
      if (error == null || !('code' in error) || !GONE.includes(error.code)) return callback(error)
      gone = true
      callback()
    }

  socket._write = (chunk: unknown, encoding, callback) => {
    if (gone) callback()
    else write(chunk, encoding, tolerant(callback))
  }
  if (writeAll === undefined) return
  socket._writev = (chunks, callback) => {
    if (gone) callback()
    else writeAll(chunks, tolerant(callback))
  }
}
