import { withDeadline } from '@sallyport/security-context/mechanics'

/** Runs every check and resolves with the failures by name; an empty map means that all passed. */
export type RunChecks = () => Promise<ReadonlyMap<string, unknown>>

/** Abandoned runs of one check that have not ended: from this number on a new run is rare. */
const MAX_ABANDONED = 3
/** How rare, in deadlines of the check. */
const PAUSE_DEADLINES = 10

/**
 * Makes a runner of readiness checks: all in parallel, each with its own deadline. Probes are unauthenticated and
 * arrive as often as somebody likes, so probes share a check that is under way. After its deadline it is abandoned, and
 * the next probe starts it again, because what it hangs on may be gone. At most three runs hang at once; after that one
 * more starts in ten deadlines.
 * @param timeoutMs how long one check may take
 * @param clock ms, from any origin
 */
export function createCheckRunner(
  checks: Readonly<Record<string, () => Promise<void>>>,
  timeoutMs: number,
  clock: () => number = () => performance.now()
): RunChecks {
  const runs = Object.entries(checks).map(([name, check]) => [name, shareRuns(check, timeoutMs, clock)] as const)
  return async () => {
    const results = await Promise.allSettled(runs.map(([, run]) => run()))
    return new Map(
      results.flatMap((result, i) => (result.status === 'rejected' ? [[runs[i]?.[0] ?? '', result.reason]] : []))
    )
  }
}

/** A check with one awaited run at a time. */
function shareRuns(check: () => Promise<void>, timeoutMs: number, clock: () => number): () => Promise<void> {
  let current: Promise<void> | null = null
  let abandoned = 0
  let startedAtMs = Number.NEGATIVE_INFINITY

  function start(): Promise<void> {
    startedAtMs = clock()
    let ended = false
    let givenUp = false
    const run = Promise.resolve()
      .then(check)
      .finally(() => {
        ended = true
        if (givenUp) abandoned--
      })
    return withDeadline(run, timeoutMs).finally(() => {
      current = null
      givenUp = !ended
      if (givenUp) abandoned++
    })
  }

  return async () => {
    const mayStart = abandoned < MAX_ABANDONED || clock() - startedAtMs >= PAUSE_DEADLINES * timeoutMs
    if (current === null && !mayStart) throw new Error(`${abandoned} earlier runs of this check have not ended`)
    current ??= start()
    await current
  }
}
