/** Calls `run` again and again until stopped; a test passes one that it triggers itself. */
export type Schedule = (run: () => Promise<void>, intervalMs: number) => { readonly stop: () => void }

/**
 * Waits `intervalMs` after the end of each run, so that nothing is asked faster than it answers. The timer does not
 * keep the process alive.
 * @param run does not reject
 */
export const scheduleByTimer: Schedule = (run, intervalMs) => {
  let stopped = false
  let timer: NodeJS.Timeout
  const again = (): void => {
    timer = setTimeout(() => {
      void run().finally(() => {
        if (!stopped) again()
      })
    }, intervalMs)
    timer.unref()
  }
  again()
  return {
    stop: () => {
      stopped = true
      clearTimeout(timer)
    }
  }
}
