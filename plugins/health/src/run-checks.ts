import { withDeadline } from '@sallyport/security-context/mechanics'

/** Runs every check and resolves with the failures by name; an empty map means that all passed. */
export type RunChecks = () => Promise<ReadonlyMap<string, unknown>>

/**
 * Makes a runner of readiness checks: all in parallel, each with its own deadline. Probes come unauthenticated and as
 * often as somebody likes, so a check that is under way is shared and never started twice, also when it hangs.
 * @param timeoutMs how long one check may take
 */
export function createCheckRunner (checks: Readonly<Record<string, () => Promise<void>>>, timeoutMs: number): RunChecks {
  const underWay = new Map<string, Promise<void>>()

  function start (name: string, check: () => Promise<void>): Promise<void> {
    const running = underWay.get(name) ?? Promise.resolve().then(check).finally(() => { underWay.delete(name) })
    underWay.set(name, running)
    return running
  }

  return async () => {
    const names = Object.entries(checks)
    const results = await Promise.allSettled(names.map(([name, check]) => withDeadline(start(name, check), timeoutMs)))
    return new Map(results.flatMap((result, i) => result.status === 'rejected' ? [[names[i]?.[0] ?? '', result.reason]] : []))
  }
}
