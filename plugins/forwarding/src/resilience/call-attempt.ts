import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { CallOutcome, GuardedTarget } from './guarded-target.ts'

/** How much of an answer that is not passed on is read, so that its connection can serve the next request. */
const DROPPED_BYTES = 16 * 1024

/** What an attempt reports to its call. */
export interface AttemptReports {
  /** An attempt may begin; the call may have paused meanwhile, or be over. */
  readonly started: (controller: Dispatcher.DispatchController) => void
  readonly sent: () => void
  /** A final head. @returns whether the answer is passed on */
  readonly head: (statusCode: number, headers: AnswerFields, statusMessage: string | undefined) => boolean
  /** The target has switched protocols: the call is over, and its connection somebody else's. */
  readonly upgraded: (statusCode: number, headers: AnswerFields, socket: Duplex) => void
  readonly informed: (statusCode: number, headers: AnswerFields) => void
  readonly data: (chunk: Buffer) => void
  readonly ended: (trailers: AnswerFields) => void
  /** `isHeadPassed`: the client may have seen a part of the answer. */
  readonly failed: (error: Error, isHeadPassed: boolean) => void
}

type AnswerFields = Parameters<Required<Dispatcher.DispatchHandler>['onResponseStart']>[2]

/** One sending of a request to one target. Whatever becomes of it, the target learns how it ended, once. */
export class CallAttempt implements Dispatcher.DispatchHandler {
  readonly target: GuardedTarget
  readonly #reports: AttemptReports
  readonly #era: number
  readonly #nowMs: () => number
  #phase: 'waiting' | 'passing' | 'dropping' | 'over' = 'waiting'
  #controller: Dispatcher.DispatchController | null = null
  #leaveQueue: ((reason: Error) => void) | null = null
  #isSettled = false
  #droppedBytes = 0

  constructor(target: GuardedTarget, reports: AttemptReports, nowMs: () => number) {
    this.target = target
    this.#reports = reports
    this.#nowMs = nowMs
    this.#era = target.begin()
  }

  get controller(): Dispatcher.DispatchController | null {
    return this.#controller
  }

  /** Ends it; nothing of it is reported from now on. */
  abort(reason: Error, outcome: CallOutcome): void {
    if (this.#phase === 'over') return
    this.#end(outcome)
    if (this.#controller !== null) this.#controller.abort(reason)
    else this.#leaveQueue?.(reason)
  }

  onQueued(leave: (reason: Error) => void): void {
    this.#leaveQueue = leave
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#leaveQueue = null
    this.#controller = controller
    if (this.#phase === 'over') controller.abort(new Error('The call is over'))
    else this.#reports.started(controller)
  }

  onRequestSent(): void {
    if (this.#phase === 'waiting') this.#reports.sent()
  }

  onRequestUpgrade(
    _controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: AnswerFields,
    socket: Duplex
  ): void {
    if (this.#phase !== 'waiting') {
      socket.on('error', () => {}).destroy()
      return
    }
    this.#end('answered')
    this.#reports.upgraded(statusCode, headers, socket)
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: AnswerFields,
    statusMessage?: string
  ): void {
    if (this.#phase !== 'waiting') return
    if (statusCode < 200) return this.#reports.informed(statusCode, headers)
    this.#settle(outcomeOfStatus(statusCode))
    const phase = this.#reports.head(statusCode, headers, statusMessage) ? 'passing' : 'dropping'
    // Passing the head on may have ended the call.
    if (!this.#isOver()) this.#phase = phase
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#phase === 'passing') return this.#reports.data(chunk)
    this.#droppedBytes += chunk.byteLength
    if (this.#phase !== 'dropping' || this.#droppedBytes <= DROPPED_BYTES) return
    this.#end('abandoned')
    controller.abort(new Error('Too much to read'))
  }

  onResponseEnd(_controller: Dispatcher.DispatchController, trailers: AnswerFields): void {
    const isPassing = this.#phase === 'passing'
    this.#end('abandoned')
    if (isPassing) this.#reports.ended(trailers)
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const phase = this.#phase
    if (phase === 'over') return
    this.#end(outcomeOfError(error))
    if (phase !== 'dropping') this.#reports.failed(error, phase === 'passing')
  }

  #isOver(): boolean {
    return this.#phase === 'over'
  }

  #settle(outcome: CallOutcome): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.target.settle(this.#era, outcome, this.#nowMs())
  }

  #end(outcome: CallOutcome): void {
    if (this.#phase === 'over') return
    this.#phase = 'over'
    this.target.pending--
    this.#settle(outcome)
  }
}

function outcomeOfStatus(statusCode: number): CallOutcome {
  if (statusCode >= 502 && statusCode <= 504) return 'unavailable'
  return statusCode >= 500 ? 'server-error' : 'answered'
}

/** What ended a call without an answer: an error of ours is about the client or the own queue, and not the target's. */
export function outcomeOfError(error: Error): CallOutcome {
  const code = 'code' in error ? String(error.code) : ''
  if (code === 'SALLYPORT_FORWARDING_UPSTREAM_TIMEOUT') return 'late'
  return code.startsWith('SALLYPORT_') || code === 'UND_ERR_ABORTED' ? 'abandoned' : 'unreachable'
}
