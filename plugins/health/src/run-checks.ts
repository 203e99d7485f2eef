import { withDeadline } from '@sallyport/security-context/mechanics'

/** How one check ended. */
export interface CheckResult {
  readonly name: string
  readonly passed: boolean
  /** How long this probe waited for it, in ms; a check that was under way already counts from then on. */
  readonly durationMs: number
  /** Why it failed: for the log, and never for whoever asks. */
  readonly error?: unknown
}

/** Runs every check and resolves with how each of them ended, in the order of their names in the options. */
export type RunChecks = () => Promise<readonly CheckResult[]>

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
  return async () => await Promise.all(runs.map(async ([name, run]) => await timeCheck(name, run, clock)))
}

async function timeCheck(name: string, run: () => Promise<void>, clock: () => number): Promise<CheckResult> {
  const startedAtMs = clock()
  const durationMs = (): number => Math.round((clock() - startedAtMs) * 1000) / 1000
  try {
    await run()
    return { name, passed: true, durationMs: durationMs() }
  } catch (error) {
    return { name, passed: false, durationMs: durationMs(), error }
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
