import { setTimeout as delay } from 'node:timers/promises'
import { fencePrimary, promoteStandby } from '../standby.ts'
import type { Drill } from '../types.ts'
import { servedAgain, underLoad } from '../under-load.ts'

/** Writers are back within this time, without a restart of any process. */
const WRITERS_BACK_MS = 10_000

/**
 * The primary crashes, and its synchronous standby is promoted: connections break and lead elsewhere. Then a switch
 * that was planned: the primary is fenced, and connections to it stay open and refuse changes (SQLSTATE 25006).
 */
export const replicaFailover: Drill = async surroundings =>
  await underLoad(surroundings, async (faults, load) => {
    const { random, log } = surroundings
    const afterMs: Record<string, number> = {}
    for (const kind of ['crash', 'switch'] as const) {
      const standby = await faults.addStandby()
      log(`${kind}: a standby follows`)
      await delay(300 + random() * 700)
      const startedAt = performance.now()
      if (kind === 'crash') await faults.crashDatabase()
      else await fencePrimary(faults.primary())
      await promoteStandby(standby)
      faults.proxy.pointTo(standby.url)
      faults.follow(standby)
      await servedAgain(load)
      afterMs[kind] = Math.round(performance.now() - startedAt)
    }
    return {
      figures: {
        'served again after a crash, ms': afterMs['crash'] ?? 0,
        'after a switch, ms': afterMs['switch'] ?? 0
      },
      lost: Object.entries(afterMs).flatMap(([kind, ms]) =>
        ms > WRITERS_BACK_MS ? [`writers were back after ${ms} ms (${kind})`] : []
      )
    }
  })
