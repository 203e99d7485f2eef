import { AsyncLocalStorage } from 'node:async_hooks'
import type { Dispatcher } from 'undici'
import { PeerBusyError } from './errors.ts'

/** How many calls of one origin may be under way, and how many may wait for their turn. */
export interface CallLimits {
  readonly connections: number
  readonly maxQueued: number
  /** How long a call waits for its turn, in ms. */
  readonly queueTimeoutMs: number
}

/** A handler of a call that has no signal and may want to leave the queue. */
export interface QueueHandler extends Dispatcher.DispatchHandler {
  /** The call has to wait for a connection; `leave` takes it out of the queue and fails it with the reason. */
  onQueued?: (leave: (reason: Error) => void) => void
}

/** Passes a call on to the connections. */
type Send = (handler: Dispatcher.DispatchHandler) => boolean

interface Origin {
  running: number
  readonly waiting: Set<QueuedCall>
}

/** The calls of an agent, in one bounded queue for each origin. */
export interface CallQueues {
  /**
   * Sends a call at once or when a connection is free. The handler gets `SALLYPORT_TRANSPORT_PEER_BUSY` when the queue
   * is full or the wait is over, and the reason of the signal as soon as it aborts.
   * @returns false when the call has to wait
   */
  readonly dispatch: (origin: string, signal: unknown, handler: QueueHandler, send: Send) => boolean
  /** Calls under way and calls that wait, by origin. */
  readonly counts: () => Readonly<Record<string, { readonly running: number; readonly waiting: number }>>
}

/**
 * Queues in front of undici's own, which is unbounded: a call that waits there notices neither its signal nor a timeout
 * until a connection takes it.
 */
export function createCallQueues(limits: CallLimits): CallQueues {
  const origins = new Map<string, Origin>()

  function originOf(name: string): Origin {
    const known = origins.get(name) ?? { running: 0, waiting: new Set<QueuedCall>() }
    origins.set(name, known)
    return known
  }

  function release(origin: Origin): void {
    origin.running--
    for (const next of origin.waiting) {
      if (origin.running >= limits.connections) return
      origin.running++
      next.send()
    }
  }

  return {
    dispatch(name, signal, handler, send) {
      const origin = originOf(name)
      const abortSignal = signal instanceof AbortSignal ? signal : null
      const call = new QueuedCall({
        handler,
        signal: abortSignal,
        send,
        waiting: origin.waiting,
        release: () => {
          release(origin)
        }
      })
      if (origin.running < limits.connections) {
        origin.running++
        return call.send()
      }
      if (origin.waiting.size < limits.maxQueued) call.wait(limits.queueTimeoutMs)
      else call.fail(new PeerBusyError())
      return false
    },
    counts: () =>
      Object.fromEntries([...origins].map(([name, { running, waiting }]) => [name, { running, waiting: waiting.size }]))
  }
}

interface CallParts {
  readonly handler: QueueHandler
  readonly signal: AbortSignal | null
  readonly send: Send
  /** The queue of the call's origin. */
  readonly waiting: Set<QueuedCall>
  /** Gives the place of the call to the next one. */
  readonly release: () => void
}

/**
 * One call on its way to a connection. It fails by itself until a connection takes it; from then on undici handles its
 * signal, and this only notices the end.
 */
class QueuedCall implements Dispatcher.DispatchHandler {
  readonly #parts: CallParts
  #sent = false
  /** Set when the caller has been told of a failure before undici began. */
  #failure: Error | null = null
  #released = false
  #timer: NodeJS.Timeout | undefined
  /** Runs something as the caller would: the turn comes with the end of somebody else's call. */
  #asCaller: ReturnType<typeof AsyncLocalStorage.snapshot> | null = null

  constructor(parts: CallParts) {
    this.#parts = parts
    if (parts.signal?.aborted === true) this.#onAbort()
    else parts.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** @param timeoutMs at most, in ms */
  wait(timeoutMs: number): void {
    if (this.#failure !== null) return
    this.#parts.waiting.add(this)
    this.#asCaller = AsyncLocalStorage.snapshot()
    this.#parts.handler.onQueued?.(reason => {
      this.fail(reason)
    })
    this.#timer = setTimeout(() => {
      this.fail(new PeerBusyError())
    }, timeoutMs)
  }

  send(): boolean {
    this.#leaveQueue()
    if (this.#failure !== null) {
      this.#release()
      return true
    }
    this.#sent = true
    return this.#asCaller === null ? this.#parts.send(this) : this.#asCaller(() => this.#parts.send(this))
  }

  fail(error: Error): void {
    if (this.#failure !== null) return
    this.#failure = error
    this.#leaveQueue()
    this.#parts.signal?.removeEventListener('abort', this.#onAbort)
    this.#parts.handler.onResponseError?.(ENDED, error)
  }

  readonly #onAbort = (): void => {
    const reason: unknown = this.#parts.signal?.reason
    this.fail(reason instanceof Error ? reason : new Error('The call was aborted', { cause: reason }))
  }

  #leaveQueue(): void {
    clearTimeout(this.#timer)
    this.#parts.waiting.delete(this)
  }

  #release(): void {
    if (this.#released) return
    this.#released = true
    this.#parts.signal?.removeEventListener('abort', this.#onAbort)
    this.#parts.release()
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    if (this.#failure !== null) return controller.abort(this.#failure)
    this.#parts.signal?.removeEventListener('abort', this.#onAbort)
    this.#parts.handler.onRequestStart?.(controller, context)
  }

  onRequestUpgrade(...args: Parameters<Required<Dispatcher.DispatchHandler>['onRequestUpgrade']>): void {
    this.#release()
    this.#parts.handler.onRequestUpgrade?.(...args)
  }

  onResponseStarted(): void {
    this.#parts.handler.onResponseStarted?.()
  }

  onResponseStart(...args: Parameters<Required<Dispatcher.DispatchHandler>['onResponseStart']>): void {
    this.#parts.handler.onResponseStart?.(...args)
  }

  onResponseData(...args: Parameters<Required<Dispatcher.DispatchHandler>['onResponseData']>): void {
    this.#parts.handler.onResponseData?.(...args)
  }

  onResponseEnd(...args: Parameters<Required<Dispatcher.DispatchHandler>['onResponseEnd']>): void {
    this.#release()
    this.#parts.handler.onResponseEnd?.(...args)
  }

  onResponseError(...args: Parameters<Required<Dispatcher.DispatchHandler>['onResponseError']>): void {
    if (this.#sent) this.#release()
    if (this.#failure === null) this.#parts.handler.onResponseError?.(...args)
  }

  onBodySent(chunk: Buffer): void {
    this.#parts.handler.onBodySent?.(chunk)
  }

  onRequestSent(): void {
    this.#parts.handler.onRequestSent?.()
  }
}

/** The controller of a call that never began: there is nothing to control. */
const ENDED: Dispatcher.DispatchController = Object.freeze({
  aborted: true,
  paused: false,
  reason: null,
  abort: () => {},
  pause: () => {},
  resume: () => {}
})
