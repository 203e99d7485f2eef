import type { FastifyBaseLogger } from 'fastify'
import type { CheckResult, RunChecks } from './run-checks.ts'

/** The state of the process; hooks of the main instance advance it. */
export interface ProcessState {
  /** The main listener listens. */
  started: boolean
  /** Shutting down: requests under way are finished, new ones should go elsewhere. */
  draining: boolean
}

/** What an operator may see, and a stranger may not. */
export interface HealthReport {
  readonly started: boolean
  readonly draining: boolean
  readonly ready: boolean
  /** Every check with how long it took now; none before the main listener listens, and while the process ends. */
  readonly checks: ReadonlyArray<Pick<CheckResult, 'name' | 'passed' | 'durationMs'>>
}

/** Readiness, and what the last answer to it was. */
export interface Readiness {
  readonly isReady: () => Promise<boolean>
  readonly report: () => Promise<HealthReport>
  /** Of the last probe, and no run of its own. */
  readonly last: () => readonly CheckResult[]
  /** Whether the last probe was answered with yes, and would not be answered with no by now without a check. */
  readonly wasReady: () => boolean
}

/** Asks the checks when somebody asks. A change goes to the log with its reason, once. */
export function createReadiness(runChecks: RunChecks, state: ProcessState, log: FastifyBaseLogger): Readiness {
  let results: readonly CheckResult[] = []
  let isPassed = false
  let failing = ''

  async function check(): Promise<readonly CheckResult[]> {
    if (!state.started || state.draining) return []
    results = await runChecks()
    const failures = results.filter(({ passed }) => !passed)
    const names = failures.map(({ name }) => name).join(', ')
    if (names !== failing) logChange(log, failures, names)
    failing = names
    isPassed = failures.length === 0
    return results
  }

  // Closing may begin while the checks run.
  const wasReady = (): boolean => state.started && !state.draining && isPassed

  return {
    isReady: async () => {
      await check()
      return wasReady()
    },
    report: async () => {
      const checks = (await check()).map(({ name, passed, durationMs }) => ({ name, passed, durationMs }))
      return { started: state.started, draining: state.draining, ready: wasReady(), checks }
    },
    last: () => results,
    wasReady
  }
}

/** Probes come every few seconds: only a change is worth a line. */
function logChange(log: FastifyBaseLogger, failures: readonly CheckResult[], names: string): void {
  if (failures.length === 0) log.info('ready again')
  else for (const { name: check, error: err } of failures) log.warn({ check, err }, `not ready: ${names}`)
}
