import { setTimeout as delay } from 'node:timers/promises'
import type { Drill } from '../types.ts'
import { servedAgain, underLoad } from '../under-load.ts'

const ROUNDS = 4

/** Packets to the database are lost, and nobody is told: connections stay open, and nothing is ever answered. */
export const swallowedPackets: Drill = async surroundings =>
  await underLoad(surroundings, async ({ proxy }, load) => {
    const { random, isShort } = surroundings
    let slowestMs = 0
    for (let round = 0; round < (isShort ? 1 : ROUNDS); round++) {
      await delay(200 + random() * 500)
      proxy.set('silent')
      await delay(2000 + random() * 1000)
      proxy.set('pass')
      slowestMs = Math.max(slowestMs, await servedAgain(load))
    }
    return { figures: { 'served again after, ms': slowestMs } }
  })
