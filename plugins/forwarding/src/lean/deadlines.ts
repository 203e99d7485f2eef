/** Time between two looks at the deadlines, in ms: no limit is counted in less. */
const LOOK_MS = 25

/** A call with a limit. */
export interface TimedCall {
  /** On the clock of `performance.now()`, in ms. */
  readonly deadlineAtMs: number
  /** Place among the watched calls; `-1` while nobody watches. Of the deadlines alone. */
  place: number
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
 *
 * The calls are in an array and know their places. A `Set` that changes with each request makes a new table again and
 * again, and V8 keeps in each old table a reference to the next: one table that has come to the old generation keeps
 * every later request alive until a full collection.
 */
export function createDeadlines(): Deadlines {
  const calls: TimedCall[] = []
  let timer: NodeJS.Timeout | null = null

  function look(): void {
    const nowMs = performance.now()
    // A call that ends changes the places of others.
    for (const call of [...calls]) if (call.place !== -1 && call.deadlineAtMs <= nowMs) call.expire(nowMs)
    if (calls.length > 0) timer?.refresh()
    else timer = null
  }

  return {
    watch(call) {
      if (call.place !== -1) return
      call.place = calls.push(call) - 1
      timer ??= setTimeout(look, LOOK_MS)
    },
    forget(call) {
      const { place } = call
      const last = calls.at(-1)
      if (place === -1 || last === undefined) return
      calls.pop()
      call.place = -1
      if (last === call) return
      calls[place] = last
      last.place = place
    }
  }
}
