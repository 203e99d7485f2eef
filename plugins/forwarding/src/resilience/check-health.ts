import type { Schedule } from '@sallyport/security-context/mechanics'
import { type Dispatcher, request } from 'undici'

/** What each target is asked, and what is made of the answers. */
export interface HealthCheckRules {
  readonly path: string
  readonly port?: number | undefined
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly healthyAfter: number
  readonly unhealthyAfter: number
}

/** A target that is asked. */
export interface CheckedTarget {
  /** Where the question goes. */
  readonly origin: string
  readonly connections: Dispatcher
  readonly isHealthy: () => boolean
  readonly setHealth: (isHealthy: boolean) => void
}

/** Asks targets again and again how they are, each by itself, until stopped. */
export function checkHealth(
  targets: readonly CheckedTarget[],
  rules: HealthCheckRules,
  schedule: Schedule
): { readonly stop: () => void } {
  const schedules = targets.map(target => {
    const note = healthJudge(target, rules)
    return schedule(async () => {
      note(await isWell(target, rules))
    }, rules.intervalMs)
  })
  return {
    stop() {
      for (const { stop } of schedules) stop()
    }
  }
}

/** Changes its mind after so many answers in a row that say otherwise. */
function healthJudge({ isHealthy, setHealth }: CheckedTarget, rules: HealthCheckRules): (isGood: boolean) => void {
  let against = 0
  return isGood => {
    if (isGood === isHealthy()) {
      against = 0
      return
    }
    against++
    if (against < (isGood ? rules.healthyAfter : rules.unhealthyAfter)) return
    against = 0
    setHealth(isGood)
  }
}

async function isWell({ origin, connections }: CheckedTarget, { path, timeoutMs }: HealthCheckRules): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(timeoutMs)
    const { statusCode, body } = await request(`${origin}${path}`, { dispatcher: connections, signal })
    await body.dump({ limit: 16 * 1024 })
    return statusCode >= 200 && statusCode < 300
  } catch {
    return false
  }
}
