import { isRefusedData } from './mechanics/failures.ts'
import { outsideRequests, followedRequest } from './context.ts'
import { beginWait, endWait } from './spent-times.ts'

/** Does for all of these at once what each asks for; the answer finds what belongs to each. */
export type CallTogether<Asked, Answer> = (asked: readonly Asked[]) => Promise<(asked: Asked) => Answer>

/** Statements of one kind at a time: while the database answers one, what the next is asked collects. */
const MAX_CALLS_UNDER_WAY = 2
/** A second statement costs as much as several more in the next one. */
const WORTH_A_SECOND_CALL = 8
const MAX_ASKED_TOGETHER = 200
/** After this long without an answer a statement no longer holds up the next one, in ms. */
const PATIENCE_MS = 500

interface WaitingCall<Asked, Answer> {
  readonly asked: Asked
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

/**
 * Statements of concurrent requests that go together: one instead of one for each. It begins after each of them was
 * asked for, so nobody gets an answer that is older than the question. When the statement fails, all of them do; but
 * what the database cannot take, such as a text with NUL, or what a constraint refuses, fails by itself. So a statement
 * that failed must have done nothing.
 */
export function callTogether<Asked, Answer>(call: CallTogether<Asked, Answer>): (asked: Asked) => Promise<Answer> {
  const waiting: WaitingCall<Asked, Answer>[] = []
  let underWay = 0
  let isDue = false

  async function callForWaiting(): Promise<void> {
    const calls = waiting.splice(0, MAX_ASKED_TOGETHER)
    let isCounted = true
    const stopCounting = (): void => {
      if (!isCounted) return
      isCounted = false
      underWay--
      callSoon()
    }
    underWay++
    const patience = setTimeout(stopCounting, PATIENCE_MS).unref()
    try {
      const answerTo = await call(calls.map(({ asked }) => asked))
      for (const { asked, resolve } of calls) resolve(answerTo(asked))
    } catch (error) {
      if (calls.length > 1 && isRefusedData(error)) await callApart(calls)
      else for (const { reject } of calls) reject(error)
    }
    clearTimeout(patience)
    stopCounting()
  }

  async function callApart(calls: ReadonlyArray<WaitingCall<Asked, Answer>>): Promise<void> {
    for (const { asked, resolve, reject } of calls) {
      await call([asked]).then(answerTo => {
        resolve(answerTo(asked))
      }, reject)
    }
  }

  const isWanted = (): boolean =>
    waiting.length > 0 && (underWay === 0 || (underWay < MAX_CALLS_UNDER_WAY && waiting.length >= WORTH_A_SECOND_CALL))

  /** A turn of the event loop later, so that requests which arrive together go together. */
  function callSoon(): void {
    if (isDue || !isWanted()) return
    isDue = true
    // The time that one of the requests has left is no limit for the others.
    outsideRequests(() =>
      setImmediate(() => {
        isDue = false
        while (isWanted()) void callForWaiting()
      })
    )
  }

  return async asked => {
    const request = followedRequest()
    if (request !== null) beginWait(request, 'database')
    try {
      return await new Promise<Answer>((resolve, reject) => {
        waiting.push({ asked, resolve, reject })
        callSoon()
      })
    } finally {
      if (request !== null) endWait(request, 'database')
    }
  }
}
