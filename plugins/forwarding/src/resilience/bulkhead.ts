import { AsyncLocalStorage } from 'node:async_hooks'
import type { StartTimer } from '@sallyport/security-context/mechanics'

/** What an upstream may hold up. */
export interface BulkheadRules {
  readonly maxPending: number
  readonly maxQueued: number
  readonly queueTimeoutMs: number
}

/** Somebody who wants to come in. */
export interface BulkheadGuest {
  /** There is a place; the guest gives it back. */
  readonly admitted: () => void
  /** There is none, or none in time. */
  readonly refused: () => void
}

/** A guest that waits. */
interface Waiting {
  readonly guest: BulkheadGuest
  readonly timer: { readonly stop: () => void }
  /** Runs something as the guest would: the place comes with the end of somebody else's request. */
  readonly asGuest: ReturnType<typeof AsyncLocalStorage.snapshot>
}

/** Places for the requests of one upstream, and a bounded queue before them. */
export class Bulkhead {
  readonly #rules: BulkheadRules
  readonly #startTimer: StartTimer
  readonly #waiting = new Set<Waiting>()
  #pending = 0
  #refused = 0

  constructor(rules: BulkheadRules, startTimer: StartTimer) {
    this.#rules = rules
    this.#startTimer = startTimer
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** Guests that were refused since the start. */
  get refused(): number {
    return this.#refused
  }

  /** @returns leaves: gives up waiting, or gives back the place. Once. */
  enter(guest: BulkheadGuest): () => void {
    if (this.#pending < this.#rules.maxPending) {
      const leave = this.#takePlace()
      guest.admitted()
      return leave
    }
    if (this.#waiting.size >= this.#rules.maxQueued) {
      this.#refused++
      guest.refused()
      return () => {}
    }
    let leave = (): void => {
      waiting.timer.stop()
      this.#waiting.delete(waiting)
    }
    const waiting: Waiting = {
      guest: {
        ...guest,
        admitted: () => {
          // First its way out: it may leave at once.
          leave = this.#takePlace()
          guest.admitted()
        }
      },
      asGuest: AsyncLocalStorage.snapshot(),
      timer: this.#startTimer(() => {
        this.#waiting.delete(waiting)
        this.#refused++
        guest.refused()
      }, this.#rules.queueTimeoutMs)
    }
    this.#waiting.add(waiting)
    return () => {
      leave()
    }
  }

  #takePlace(): () => void {
    this.#pending++
    let isHere = true
    return () => {
      if (!isHere) return
      isHere = false
      this.#pending--
      this.#next()
    }
  }

  #next(): void {
    for (const next of this.#waiting) {
      if (this.#pending >= this.#rules.maxPending) return
      this.#waiting.delete(next)
      next.timer.stop()
      next.asGuest(next.guest.admitted)
    }
  }
}
