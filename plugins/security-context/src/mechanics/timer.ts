/** Runs something once after a delay in ms, unless it is stopped before; a test passes one that it moves itself. */
export type StartTimer = (run: () => void, delayMs: number) => { readonly stop: () => void }

/** The timer of the process; it does not keep the process alive. */
export const startTimer: StartTimer = (run, delayMs) => {
  const timer = setTimeout(run, delayMs)
  timer.unref()
  return {
    stop: () => {
      clearTimeout(timer)
    }
  }
}
