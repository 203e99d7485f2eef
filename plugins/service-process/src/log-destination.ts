import { writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** Where log lines go; accepts each line at once and never throws. */
export interface LogDestination {
  write: (line: string) => void
  /** Resolves when every line is passed on, or there is no reader, or `timeoutMs` have passed. */
  flush: (timeoutMs: number) => Promise<void>
  /** Lines that were given up since the start. */
  readonly droppedLines: () => number
}

/** The part of a stream that the destination uses. */
export interface LogOutput {
  /** Passes on at once what the reader has room for, and keeps the rest. */
  write: (text: string, done: () => void) => void
  /** Bytes that wait for the reader. */
  waitingBytes: () => number
  isBroken: () => boolean
}

const MAX_WAITING_BYTES = 4 * 1024 * 1024

/**
 * A destination that never blocks the process: it does not wait for the reader. It keeps a bounded backlog for a slow
 * reader, drops further lines, and writes one line with their number. A reader that is gone is not an error. pino's own
 * destination flushes synchronously for a fatal line and at exit, and repeats a failing write forever.
 */
export function createLogDestination(output: LogOutput, maxWaitingBytes = MAX_WAITING_BYTES): LogDestination {
  let dropped = 0
  let droppedInAll = 0
  let handed = 0
  let passedOn = 0
  const waiting: Array<{ readonly upTo: number; readonly resolve: () => void }> = []

  function hand(text: string): void {
    handed++
    output.write(text, notePassed)
  }

  /** What is written comes out in its order. */
  function notePassed(): void {
    passedOn++
    for (let first = waiting[0]; first !== undefined && first.upTo <= passedOn; first = waiting[0]) {
      waiting.shift()
      first.resolve()
    }
  }

  async function allPassed(): Promise<void> {
    if (handed === passedOn) return
    const { promise, resolve } = Promise.withResolvers<void>()
    waiting.push({ upTo: handed, resolve })
    await promise
  }

  return {
    write: line => {
      if (output.isBroken()) return
      if (output.waitingBytes() + line.length > maxWaitingBytes) {
        dropped++
        droppedInAll++
        return
      }
      if (dropped > 0) {
        hand(
          `${JSON.stringify({ level: 'warn', time: Date.now(), dropped, msg: 'lines are missing: the log is read too slowly' })}\n`
        )
      }
      dropped = 0
      hand(line)
    },
    flush: async timeoutMs => {
      const stop = new AbortController()
      if (!output.isBroken()) await Promise.race([allPassed(), delay(timeoutMs, undefined, { signal: stop.signal })])
      stop.abort()
    },
    droppedLines: () => droppedInAll
  }
}

let standard: LogDestination | undefined

/** The destination on stdout, one for the process. */
export function standardLogDestination(): LogDestination {
  if (standard === undefined) {
    const output = collectLines(process.stdout instanceof Socket ? outputOfStream(process.stdout) : outputOfFile(1))
    process.on('exit', output.writeCollected)
    standard = createLogDestination(output)
  }
  return standard
}

const LONGEST_COLLECTION = 16 * 1024
/** What somebody has to know although the process may be killed now. */
const URGENT = /^\{"level":"(?:warn|error|fatal)"/

/**
 * Writes the lines of one turn of the event loop together: under load a line costs a small part of a system call. From
 * `warn` on a line is written at once, with those before it. What is collected when the process exits is written then;
 * a process that is killed loses the lower lines of that turn.
 */
export function collectLines(output: LogOutput): LogOutput & { readonly writeCollected: () => void } {
  let collected = ''
  let callbacks: Array<() => void> = []
  let isDue = false

  function writeCollected(): void {
    isDue = false
    if (collected === '') return
    const text = collected
    const done = callbacks
    collected = ''
    callbacks = []
    output.write(text, () => {
      for (const callback of done) callback()
    })
  }

  return {
    write: (text, done) => {
      collected += text
      callbacks.push(done)
      if (collected.length >= LONGEST_COLLECTION || URGENT.test(text)) writeCollected()
      else if (!isDue) {
        isDue = true
        setImmediate(writeCollected)
      }
    },
    waitingBytes: () => collected.length + output.waitingBytes(),
    isBroken: output.isBroken,
    writeCollected
  }
}

/** Lines that the log on stdout has given up since the start. */
export function droppedLogLines(): number {
  return standard?.droppedLines() ?? 0
}

/** Waits a bounded time for the lines on stdout, when there are any. */
export async function flushStandardLog(timeoutMs: number): Promise<void> {
  await standard?.flush(timeoutMs)
}

/**
 * When the reader of stdout or stderr is gone, each write fails; as an uncaught error that would interrupt the end of
 * the process.
 */
export function outliveBrokenPipes(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
}

/** Pipes, sockets and terminals: Node writes to them without blocking. */
function outputOfStream(stream: Socket): LogOutput {
  stream.on('error', () => {})
  return {
    write: (text, done) => {
      stream.write(text, () => {
        done()
      })
    },
    waitingBytes: () => stream.writableLength,
    isBroken: () => stream.destroyed || stream.errored !== null
  }
}

/**
 * A file takes what it is given, or has no room at the moment: then these lines are lost and the next ones tried again.
 */
function outputOfFile(fd: number): LogOutput {
  return {
    write: (text, done) => {
      const bytes = Buffer.from(text)
      try {
        for (let at = 0; at < bytes.byteLength;) at += writeSync(fd, bytes, at)
      } catch {
        // There is no other place to say so.
      }
      done()
    },
    waitingBytes: () => 0,
    isBroken: () => false
  }
}
