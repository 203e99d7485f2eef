import { setTimeout as delay } from 'node:timers/promises'
import { DATABASE_TIMEOUT_MS } from '../fault-stack.ts'
import type { Drill } from '../types.ts'
import { servedAgain, underLoad } from '../under-load.ts'

const PROBE_LIMIT_MS = 1000

/** Every connection of a service waits for a lock that somebody holds: waits end, and its probes are answered. */
export const exhaustedPool: Drill = async surroundings =>
  await underLoad(surroundings, async (faults, load) => {
    const { random } = surroundings
    const lost: string[] = []
    const from = load.answers.length
    const holder = await faults.owner('order-service').transaction()
    let longestProbeMs = 0
    try {
      await holder.raw('lock table orders in access exclusive mode')
      const until = performance.now() + 2 * DATABASE_TIMEOUT_MS + random() * 500
      while (performance.now() < until) {
        const startedAt = performance.now()
        const probe = await fetch(`${faults.stack.operations['order-service']}/health/live`)
        await probe.arrayBuffer()
        longestProbeMs = Math.max(longestProbeMs, Math.round(performance.now() - startedAt))
        if (probe.status !== 200) lost.push(`liveness was ${probe.status}`)
        await delay(100)
      }
    } finally {
      await holder.rollback()
    }
    if (longestProbeMs > PROBE_LIMIT_MS) lost.push(`a probe took ${longestProbeMs} ms`)
    const meanwhile = load.answers.slice(from)
    const failedTokens = meanwhile.filter(({ what, status }) => what === 'token' && status !== 200)
    if (failedTokens.length > 0) lost.push(`${failedTokens.length} tokens were refused: ${failedTokens[0]?.text}`)
    const again = await servedAgain(load)
    return { figures: { 'longest probe, ms': longestProbeMs, 'served again after, ms': again }, lost }
  })
