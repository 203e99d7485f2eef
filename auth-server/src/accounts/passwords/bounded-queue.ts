import { startTimer, type StartTimer } from '@sallyport/security-context/mechanics'

/** Runs tasks with bounded concurrency, a bounded number of waiting ones and a bounded wait. */
export interface BoundedQueue {
  /** Runs `task` when a slot is free; rejects with `full()` when too many wait, or when it has waited too long. */
  run: <T>(task: () => Promise<T>) => Promise<T>
  /** Running and waiting tasks. */
  size: () => number
  readonly counts: () => QueueCounts
}

/** Tasks of a queue. */
export interface QueueCounts {
  readonly running: number
  readonly waiting: number
  /** Since the start: refused because too many waited, or after too long a wait. */
  readonly refused: number
}

/** Bounds of a {@link BoundedQueue}. */
export interface QueueBounds {
  /** Tasks that run at a time. */
  readonly concurrency: number
  /** Tasks that may wait. */
  readonly longest: number
  /** How long one may wait, in ms: those before it may be slow. */
  readonly timeoutMs: number
  readonly timer?: StartTimer
}

/** @param full makes the error for a task that gets no slot */
export function boundedQueue(bounds: QueueBounds, full: () => Error): BoundedQueue {
  const { concurrency, longest, timeoutMs, timer = startTimer } = bounds
  let running = 0
  let refused = 0
  const waiting = new Set<() => void>()

  const refusal = (): Error => {
    refused++
    return full()
  }

  const slot = async (): Promise<void> => {
    if (running < concurrency) {
      running++
      return
    }
    if (waiting.size >= longest) throw refusal()
    // The task that ends hands its slot over, so `running` stays as it is.
    await new Promise<void>((resolve, reject) => {
      const take = (): void => {
        timeout.stop()
        resolve()
      }
      const timeout = timer(() => {
        waiting.delete(take)
        reject(refusal())
      }, timeoutMs)
      waiting.add(take)
    })
  }

  const free = (): void => {
    const [next] = waiting
    if (next === undefined) {
      running--
      return
    }
    waiting.delete(next)
    next()
  }

  return {
    run: async task => {
      await slot()
      try {
        return await task()
      } finally {
        free()
      }
    },
    size: () => running + waiting.size,
    counts: () => ({ running, waiting: waiting.size, refused })
  }
}
