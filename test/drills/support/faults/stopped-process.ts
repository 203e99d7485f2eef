import { setTimeout as delay } from 'node:timers/promises'
import type { Drill } from '../types.ts'
import { servedAgain, underLoad } from '../under-load.ts'

/** A process is stopped (SIGSTOP): its connections stay open and nothing answers, until it goes on (SIGCONT). */
export const stoppedProcess: Drill = async surroundings =>
  await underLoad(surroundings, async ({ stack }, load) => {
    const { random, log } = surroundings
    const figures: Record<string, number> = {}
    for (const name of ['order-service', 'restaurant-service', 'auth-server']) {
      const pid = stack.processIds[name]
      if (pid === undefined) throw new Error(`${name} does not run`)
      await delay(random() * 300)
      process.kill(pid, 'SIGSTOP')
      try {
        await delay(1500 + random() * 1500)
      } finally {
        process.kill(pid, 'SIGCONT')
      }
      figures[`served again after ${name} goes on, ms`] = await servedAgain(load)
      log(`${name} was stopped and goes on`)
    }
    return { figures }
  })
