import type { StartTimer } from '@sallyport/security-context/mechanics'
import { startTimer } from '@sallyport/security-context/mechanics'
import type { ConfigurationClient } from './configuration-client.ts'
import type { ServerDocument } from './server-document.ts'

/** How a configuration server is followed. */
export interface FollowedServer {
  readonly client: ConfigurationClient
  /** Takes a new document. One that rejects is asked for again. */
  readonly changed: (document: ServerDocument) => Promise<void>
  /** Told of each failure; what was taken last stays. */
  readonly failed: (error: unknown) => void
  /**
   * Between two questions, in ms; the stream makes it shorter.
   * @default 30000
   */
  readonly intervalMs?: number
  readonly startTimer?: StartTimer
  /** 0 to 1, for the jitter. Default `Math.random`. */
  readonly random?: () => number
}

const INTERVAL_MS = 30_000
const FIRST_QUESTION_RETRY_MS = 1000

/**
 * The wait before a question: half of the time is random, so that the instances of a service, which fail together, do
 * not ask together. It doubles with each failure up to the interval.
 * @param failures in a row
 * @param random 0 to 1
 */
export function waitBeforeQuestion(failures: number, intervalMs: number, random: number): number {
  const longest =
    failures === 0 ? intervalMs : Math.min(intervalMs, FIRST_QUESTION_RETRY_MS * 2 ** Math.min(failures - 1, 20))
  return Math.round(longest / 2 + (longest / 2) * random)
}

/** Asks a configuration server again and again, and at once when its stream tells of a change. */
export function followServer(followed: FollowedServer): { readonly stop: () => Promise<void> } {
  const { client, changed, failed, intervalMs = INTERVAL_MS, random = Math.random } = followed
  const start = followed.startTimer ?? startTimer
  const stopping = new AbortController()
  let failures = 0
  let timer: { readonly stop: () => void } | null = null
  let last: Promise<void> = Promise.resolve()
  let isListening = false
  /** Whether a question waits for the end of another: it finds whatever is told of until then. */
  let isQueued = false

  async function ask(isDue: boolean): Promise<void> {
    if (stopping.signal.aborted) return
    try {
      const document = await client.pull()
      if (document !== null) await changed(document)
      failures = 0
    } catch (error) {
      // Of a document that was refused nothing is kept: it is read and refused again until it is right.
      client.forget()
      failures++
      failed(error)
    }
    // Not for an event: a stream that says something and ends would be opened and asked about without a pause.
    if (isDue) listen()
    askLater()
  }

  function askInTurn(isDue: boolean): void {
    timer?.stop()
    timer = null
    if (isQueued && !isDue) return
    isQueued = true
    last = last.then(async () => {
      isQueued = false
      await ask(isDue)
    })
  }

  function askLater(): void {
    if (stopping.signal.aborted) return
    timer?.stop()
    timer = start(
      () => {
        askInTurn(true)
      },
      waitBeforeQuestion(failures, intervalMs, random())
    )
  }

  /** A stream that ends or fails is opened again with the next question; there may be none at all. */
  function listen(): void {
    if (isListening || stopping.signal.aborted) return
    isListening = true
    client
      .listen(() => {
        askInTurn(false)
      }, stopping.signal)
      .catch(() => {})
      .finally(() => {
        isListening = false
      })
  }

  listen()
  askLater()
  return {
    stop: async () => {
      stopping.abort()
      timer?.stop()
      await last
    }
  }
}
