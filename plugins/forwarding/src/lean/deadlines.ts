import { ActiveList, type ActiveEntry } from '@sallyport/security-context/mechanics'

/** Time between two looks at the deadlines, in ms: no limit is counted in less. */
const LOOK_MS = 25

/** A call with a limit. */
export interface TimedCall extends ActiveEntry {
  /** On the clock of `performance.now()`, in ms. */
  readonly deadlineAtMs: number
  /** The deadline has passed; called again at each look until the call has another one, or is not watched any more. */
  readonly expire: (nowMs: number) => void
}

/** The calls whose deadlines are watched. */
export interface Deadlines {
  readonly watch: (call: TimedCall) => void
  readonly forget: (call: TimedCall) => void
}

/**
 * Watches the deadlines of all calls with one timer, which runs only while there are any: a timer for each call costs
 * more than everything else that its limit needs.
 */
export function createDeadlines(): Deadlines {
  const calls = new ActiveList<TimedCall>()
  let timer: NodeJS.Timeout | null = null

  function look(): void {
    const nowMs = performance.now()
    // A call that ends may take others with it.
    for (const call of calls.all()) if (call.place !== -1 && call.deadlineAtMs <= nowMs) call.expire(nowMs)
    if (calls.size > 0) timer?.refresh()
    else timer = null
  }

  return {
    watch(call) {
      calls.add(call)
      timer ??= setTimeout(look, LOOK_MS)
    },
    forget(call) {
      calls.delete(call)
    }
  }
}
