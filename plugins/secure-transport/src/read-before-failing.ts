import type { Socket } from 'node:net'

type WriteCallback = (error?: Error | null) => void

/** How a write on a connection fails when the peer has gone or has stopped reading. */
const GONE: readonly unknown[] = ['EPIPE', 'ECONNRESET']

/**
 * Reads a connection to its end although writing to it fails. A server may answer before it has read the whole request,
 * for example with 413, and close. The next write of the client then fails, and Node would discard the answer that has
 * already arrived. Here that write is dropped, and the peer's answer decides, or else the error at the end of reading.
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
