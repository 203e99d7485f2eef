import { drillRollingRestarts, isInstalled, type ProxyName } from '../support/rolling-restart.ts'
import type { Soak } from './types.ts'

const ROUNDS = 20
const PROXIES: readonly ProxyName[] = ['haproxy', 'nginx']

/** Twenty rolling restarts of two processes behind each proxy, under load: no request fails. */
export const rollingRestarts: Soak = async log => {
  const counts: Record<string, number> = {}
  const broken: string[] = []
  for (const proxy of PROXIES) {
    if (!isInstalled(proxy)) {
      broken.push(`${proxy} is not installed here`)
      continue
    }
    const { answered, failures, exitCodes } = await drillRollingRestarts(proxy, ROUNDS)
    log(`${proxy}: ${answered} answered, ${failures.length} failed`)
    Object.assign(counts, {
      [`${proxy}: requests answered`]: answered,
      [`${proxy}: requests failed`]: failures.length,
      [`${proxy}: processes restarted`]: exitCodes.length
    })
    broken.push(
      ...failures.map(failure => `${proxy}: ${failure}`),
      ...exitCodes.filter(code => code !== 0).map(code => `${proxy}: a process ended with ${code}`)
    )
  }
  return { counts, broken }
}
