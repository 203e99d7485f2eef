import type { Dispatcher } from 'undici'
import { ForwardBusyError } from '../errors.ts'
import { CallAttempt, outcomeOfError, type AttemptReports } from './call-attempt.ts'
import type { GuardedTarget } from './guarded-target.ts'
import type { Bulkhead } from './bulkhead.ts'
import { isRepeatableCall, requestAgain } from './replayable-request.ts'

/** What a call asks its upstream. */
export interface CallGuard {
  readonly nowMs: () => number
  readonly bulkhead: Bulkhead | null
  readonly retries: { readonly attempts: number; readonly statuses: readonly number[] } | null
  /** The target for a request, `null` when none may be asked now. @param tried where it was sent before */
  readonly pick: (tried: readonly GuardedTarget[]) => GuardedTarget | null
  /** Whether one more repetition is in the budget; takes it. */
  readonly mayRepeat: () => boolean
  /** Runs something after the wait that belongs to a repetition. */
  readonly waitBefore: (repetition: number, run: () => void) => { readonly stop: () => void }
  /** Runs something when a sending has had its time; `null` where it may take all that is left. */
  readonly limitAttempt: (run: () => void) => { readonly stop: () => void } | null
  /** Why nothing can be sent now. */
  readonly unavailable: () => Error
}

/**
 * A request on its way to one of the targets of an upstream, and once more to another one where that is allowed. For
 * its handler there is one call, which it controls from the beginning: no byte of an answer is passed on that another
 * answer might follow.
 */
export class GuardedCall implements Dispatcher.DispatchController, AttemptReports {
  readonly rawHeaders = null
  readonly rawTrailers = null
  readonly #upstream: CallGuard
  readonly #handler: Dispatcher.DispatchHandler
  /** When the header that is sent now was made. */
  #headerAtMs: number
  #options: Dispatcher.DispatchOptions
  #attempt: CallAttempt | null = null
  readonly #tried: GuardedTarget[] = []
  #reason: Error | null = null
  #isOver = false
  #isPaused = false
  #wait: { readonly stop: () => void } | null = null
  #attemptLimit: { readonly stop: () => void } | null = null
  #leaveBulkhead: () => void = () => {}

  constructor(upstream: CallGuard, options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler) {
    this.#upstream = upstream
    this.#options = options
    this.#handler = handler
    this.#headerAtMs = upstream.nowMs()
  }

  /** Sends the request as soon as the upstream has a place for it. */
  begin(): void {
    this.#handler.onRequestStart?.(this, null)
    if (this.#isOver) return
    const leave = this.#upstream.bulkhead?.enter({
      admitted: () => {
        this.#send()
      },
      refused: () => {
        this.#fail(new ForwardBusyError())
      }
    })
    if (leave === undefined) return this.#send()
    // It may have ended at once.
    if (this.#isOver) leave()
    else this.#leaveBulkhead = leave
  }

  get aborted(): boolean {
    return this.#reason !== null
  }

  get paused(): boolean {
    return this.#isPaused
  }

  get reason(): Error | null {
    return this.#reason
  }

  abort(reason: Error): void {
    if (this.#isOver) return
    this.#reason = reason
    this.#attempt?.abort(reason, outcomeOfError(reason))
    this.#fail(reason)
  }

  pause(): void {
    this.#isPaused = true
    this.#attempt?.controller?.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.#attempt?.controller?.resume()
  }

  started(controller: Dispatcher.DispatchController): void {
    if (this.#isPaused) controller.pause()
  }

  sent(): void {
    this.#handler.onRequestSent?.()
  }

  informed(...[statusCode, headers]: Parameters<AttemptReports['informed']>): void {
    this.#handler.onResponseStart?.(this, statusCode, headers)
  }

  head(...[statusCode, headers, statusMessage]: Parameters<AttemptReports['head']>): boolean {
    if (this.#upstream.retries?.statuses.includes(statusCode) === true && this.#sendsAgain()) return false
    this.#attemptLimit?.stop()
    this.#handler.onResponseStart?.(this, statusCode, headers, statusMessage)
    return true
  }

  /** What is open takes no place of the bulkhead: there are limits of its own for it. */
  upgraded(...[statusCode, headers, socket]: Parameters<AttemptReports['upgraded']>): void {
    this.#close()
    this.#handler.onRequestUpgrade?.(this, statusCode, headers, socket)
  }

  data(chunk: Buffer): void {
    this.#handler.onResponseData?.(this, chunk)
  }

  ended(trailers: Parameters<AttemptReports['ended']>[0]): void {
    this.#close()
    this.#handler.onResponseEnd?.(this, trailers)
  }

  failed(error: Error, isHeadPassed: boolean): void {
    if (isHeadPassed || outcomeOfError(error) !== 'unreachable' || !this.#sendsAgain()) this.#fail(error)
  }

  #send(): void {
    if (this.#isOver) return
    const target = this.#upstream.pick(this.#tried)
    if (target === null) return this.#fail(this.#upstream.unavailable())
    const attempt = new CallAttempt(target, this, this.#upstream.nowMs)
    this.#attempt = attempt
    this.#attemptLimit = this.#upstream.limitAttempt(() => {
      // Where nothing may follow, it has all the time that is left.
      if (this.#sendsAgain()) attempt.abort(new Error('The attempt took too long'), 'late')
    })
    try {
      target.connections.dispatch({ ...this.#options, origin: target.origin }, attempt)
    } catch (error) {
      const thrown = error instanceof Error ? error : new Error('The request could not be sent', { cause: error })
      attempt.abort(thrown, 'abandoned')
      this.#fail(thrown)
    }
  }

  /** Whether the request goes out once more, in a moment. */
  #sendsAgain(): boolean {
    const { retries } = this.#upstream
    const failed = this.#attempt
    if (retries === null || failed === null || this.#isOver) return false
    if (this.#tried.length + 1 >= retries.attempts || !isRepeatableCall(this.#options)) return false
    const nowMs = this.#upstream.nowMs()
    const again = requestAgain(this.#options, nowMs - this.#headerAtMs)
    if (again === null || !this.#upstream.mayRepeat()) return false
    this.#attemptLimit?.stop()
    this.#options = again
    this.#headerAtMs = nowMs
    this.#tried.push(failed.target)
    this.#attempt = null
    this.#wait = this.#upstream.waitBefore(this.#tried.length, () => {
      this.#wait = null
      this.#send()
    })
    return true
  }

  #fail(error: Error): void {
    if (this.#isOver) return
    this.#close()
    this.#handler.onResponseError?.(this, error)
  }

  #close(): void {
    this.#isOver = true
    this.#wait?.stop()
    this.#attemptLimit?.stop()
    this.#leaveBulkhead()
  }
}
