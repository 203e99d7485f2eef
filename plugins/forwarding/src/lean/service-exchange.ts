import { AsyncResource } from 'node:async_hooks'
import { runHeadHooks } from '@sallyport/security-context'
import type { Dispatcher } from 'undici'
import { type AnswerHeaders, putHead, refusalOfAnswer, withdrawHead } from '../answer-rules.ts'
import { waitsForClient } from '../bound-call.ts'
import { watchAccess } from '../end-of-access.ts'
import { AccessEndedError, ClientLeftError, ForwardTimeoutError } from '../errors.ts'
import { ofService, recordLateFailure } from '../service-failure.ts'
import { ClientAnswer } from './client-answer.ts'
import type { TimedCall } from './deadlines.ts'
import { DUMPED_BYTES, endBody, endWithoutClient, thrownError } from './exchange-parts.ts'
import type { ExchangeParts, ExchangePhase } from './exchange-parts.ts'

/**
 * One request at its service, as undici reports it, and its answer on the way back. Until the head leaves, everything
 * that fails is a failed handler to Fastify. From then on the answer belongs to the exchange, which ends with it, with
 * its client, by its limits or with the access of its request.
 */
export class ServiceExchange implements Dispatcher.DispatchHandler, TimedCall {
  deadlineAtMs: number
  place = -1
  /** Timers and sockets run in somebody else's asynchronous context: hooks of the app run in that of their request. */
  readonly scope = new AsyncResource('SALLYPORT_EXCHANGE')
  readonly #parts: ExchangeParts
  readonly #arrivedAtMs: number
  readonly #answer: ClientAnswer
  #phase: ExchangePhase = 'calling'
  #controller: Dispatcher.DispatchController | null = null
  #leaveQueue: ((reason: Error) => void) | null = null
  #isAnnounced = false
  /** The service has sent everything, before the head could leave. */
  #hasEnded = false
  /** What failed while the hooks of the head were at work. */
  #failure: Error | null = null
  /** What the head of the answer has put on the reply. */
  #put: AnswerHeaders = {}
  #dumpedBytes = 0
  #isTickDue = false
  #hasWaitedForClient = false
  #isReleased = false
  #unwatch: (() => void) | null = null

  constructor(parts: ExchangeParts) {
    const { reply, route, deadlines } = parts
    this.#parts = parts
    this.#arrivedAtMs = performance.now() - reply.elapsedTime
    this.deadlineAtMs = this.#arrivedAtMs + route.limits.headMs
    this.#answer = new ClientAnswer(parts.request, reply, route.linger)
    reply.raw.once('close', () => {
      this.scope.runInAsyncScope(this.#endWithTheClient)
    })
    deadlines.watch(this)
  }

  /** Whether the request can still be sent: its client is there, and it has time left. */
  get isPending(): boolean {
    return this.#phase === 'calling'
  }

  /** Ends the exchange with an error, which is answered while nothing has left, and otherwise cuts the answer. */
  fail(error: Error): void {
    if (this.#phase !== 'over') this.scope.runInAsyncScope(this.#fail, this, error)
  }

  #fail(error: Error): void {
    if (this.#phase === 'preparing') {
      // The rows that the hooks write have to be there before any answer.
      this.#failure ??= error
      this.#abort(error)
      return
    }
    const phase = this.#phase
    this.#settle()
    this.#abort(error)
    const { request, reply, route } = this.#parts
    if (phase === 'open') {
      const isEvent = recordLateFailure(request, route.audience, error)
      if (isEvent) request.log.warn({ err: error }, 'an answer under way was cut')
      reply.raw.destroy()
    } else if (phase !== 'dumping') void (phase === 'held' ? withdrawHead(reply, this.#put) : reply).send(error)
  }

  expire(nowMs: number): void {
    const { request, route } = this.#parts
    const isLate = this.#phase !== 'calling' || !waitsForClient(request)
    if (isLate) return this.fail(ofService(new ForwardTimeoutError(), route.audience))
    this.#hasWaitedForClient = true
    this.deadlineAtMs = nowMs + route.limits.headMs
  }

  /** The service has the whole request. Where its client took its time, the service's begins now. */
  onRequestSent(): void {
    if (this.#phase === 'calling' && this.#hasWaitedForClient) {
      this.deadlineAtMs = performance.now() + this.#parts.route.limits.headMs
    }
  }

  /** The call waits for a connection; `leave` takes it out of the queue. */
  onQueued(leave: (reason: Error) => void): void {
    this.#leaveQueue = leave
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#leaveQueue = null
    if (this.#phase === 'calling') this.#controller = controller
    else controller.abort(new ClientLeftError())
  }

  /** Gives the request to somebody else, who answers it. @returns false when it is answered */
  release(): boolean {
    this.#isReleased ||= this.isPending
    if (this.isPending) this.#settle()
    return this.#isReleased
  }

  onResponseStart(_controller: Dispatcher.DispatchController, statusCode: number, headers: AnswerHeaders): void {
    // Informational answers are for the gateway. @see RFC 9110 §15.2
    if (statusCode < 200 || this.#phase !== 'calling') return
    const { request, reply, route, hooks } = this.#parts
    const refusal = refusalOfAnswer(request, route, statusCode, headers)
    if (refusal !== null) return this.#refuse(refusal, statusCode)
    this.#limitWhole()
    this.#put = putHead({ request, reply, route, statusCode, headers })
    // The service did not want the rest of the body, so nobody reads it: the connection cannot carry another request.
    if (!request.raw.complete) void reply.header('connection', 'close')
    this.#isAnnounced = headers['content-length'] !== undefined
    this.#phase = 'preparing'
    runHeadHooks(hooks, request, reply, this, this.#headIsReady)
    if (this.#isIn('preparing')) this.#controller?.pause()
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#phase === 'open') {
      if (!this.#answer.write(chunk)) this.#waitForClient()
    } else if (this.#phase === 'dumping') this.#dump(chunk)
    else if (this.#phase === 'held' || this.#phase === 'preparing') {
      this.#answer.hold(chunk)
      if (this.#phase === 'held') this.#lookAfterParsing()
    }
  }

  onResponseEnd(): void {
    if (this.#phase === 'preparing') this.#hasEnded = true
    else if (this.#phase === 'held') this.#complete()
    else if (this.#phase === 'open') {
      this.#settle()
      this.#answer.end()
    } else this.#settle()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    // undici also reports the reason for which this call was aborted, and that need not be the service's.
    if (this.#phase !== 'over' && this.#failure === null) this.fail(ofService(error, this.#parts.route.audience))
  }

  /** A hook of the head has answered in place of the service. */
  destroy(): void {
    this.#settle()
    this.#abort(new Error('A hook answered'))
  }

  readonly #headIsReady = (error: unknown): void => {
    if (this.#phase !== 'preparing') return
    this.#phase = 'held'
    if (error !== null) return this.fail(thrownError(error))
    if (this.#failure !== null) return this.fail(this.#failure)
    if (this.#hasEnded) return this.#complete()
    if (this.#parts.route.stream) this.#open()
    else this.#lookAfterParsing()
    this.#controller?.resume()
  }

  /** Most answers are here as a whole when undici has parsed what it has read: only others have to be watched. */
  #lookAfterParsing(): void {
    if (this.#isTickDue) return
    this.#isTickDue = true
    process.nextTick(this.#afterParsing)
  }

  readonly #afterParsing = (): void => {
    this.#isTickDue = false
    if (this.#phase !== 'held') return
    this.#watch()
    if (this.#phase === 'held' && this.#answer.holdsData) this.#open()
  }

  #open(): void {
    try {
      this.#answer.writeHead()
    } catch (error) {
      return this.fail(thrownError(error))
    }
    this.#phase = 'open'
    if (!this.#answer.writeHeld()) this.#waitForClient()
    this.#watch()
  }

  #complete(): void {
    try {
      this.#answer.writeWhole()
    } catch (error) {
      return this.fail(thrownError(error))
    }
    this.#settle()
  }

  /** A client that reads slowly slows the service down. */
  #waitForClient(): void {
    const controller = this.#controller
    if (controller === null || controller.paused) return
    controller.pause()
    this.#parts.reply.raw.once('drain', controller.resume.bind(controller))
  }

  #refuse(refusal: Error, statusCode: number): void {
    if (statusCode !== 401) return this.fail(refusal)
    this.#phase = 'dumping'
    this.#limitWhole()
    void this.#parts.reply.send(refusal)
  }

  #dump(chunk: Buffer): void {
    this.#dumpedBytes += chunk.byteLength
    if (this.#dumpedBytes > DUMPED_BYTES) this.fail(new Error('Too much to read'))
  }

  #limitWhole(): void {
    const { totalMs } = this.#parts.route.limits
    if (totalMs === null) this.#parts.deadlines.forget(this)
    else this.deadlineAtMs = this.#arrivedAtMs + totalMs
  }

  /** Ends the answer when the access of its request ends. */
  #watch(): void {
    if (this.#unwatch !== null) return
    const { stream, audience } = this.#parts.route
    const unwatch = watchAccess(this.#parts, {
      // An announced length is a promise, and such an answer has an end.
      finish: stream && !this.#isAnnounced ? this.#finish : null,
      end: () => {
        this.fail(ofService(new AccessEndedError(), audience))
      }
    })
    if (this.#isIn('over')) unwatch?.()
    else this.#unwatch = unwatch
  }

  #isIn(phase: ExchangePhase): boolean {
    return this.#phase === phase
  }

  readonly #finish = (): void => {
    if (this.#phase !== 'open') return
    this.#settle()
    this.#answer.end()
    this.#abort(new Error('The gateway closes'))
  }

  readonly #endWithTheClient = (): void => {
    const { raw } = this.#parts.reply
    if (raw.writableFinished || this.#isReleased) return
    this.fail(ofService(endWithoutClient(raw), this.#parts.route.audience))
  }

  #settle(): void {
    this.#phase = 'over'
    this.#parts.deadlines.forget(this)
    this.#unwatch?.()
  }

  /** Ends what is left of the call. */
  #abort(reason: Error): void {
    if (this.#controller === null) this.#leaveQueue?.(reason)
    else this.#controller.abort(reason)
    endBody(this.#parts.request, reason)
  }
}
