/** Runs tasks with bounded concurrency and a bounded number of waiting ones. */
export interface BoundedQueue {
  /** Runs `task` when a slot is free; rejects with `full()` at once when too many wait. */
  run: <T>(task: () => Promise<T>) => Promise<T>
  /** Running and waiting tasks. */
  size: () => number
}

/**
 * @param concurrency tasks that run at a time
 * @param longest tasks that may wait
 * @param full makes the error for a task that finds the queue full
 */
export function boundedQueue (concurrency: number, longest: number, full: () => Error): BoundedQueue {
  let running = 0
  const waiting: Array<() => void> = []

  const slot = async (): Promise<void> => {
    if (running < concurrency) {
      running++
      return
    }
    if (waiting.length >= longest) throw full()
    // The task that ends hands its slot over, so `running` stays as it is.
    await new Promise<void>(resolve => waiting.push(resolve))
  }

  const free = (): void => {
    const next = waiting.shift()
    if (next === undefined) running--
    else next()
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
    size: () => running + waiting.length
  }
}
