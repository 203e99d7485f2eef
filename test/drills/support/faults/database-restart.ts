import { setTimeout as delay } from 'node:timers/promises'
import type { Drill } from '../types.ts'
import { servedAgain, underLoad } from '../under-load.ts'

const ROUNDS = 5

/** The PostgreSQL of every process is ended as by a crash, under load, and started again some time later. */
export const databaseRestart: Drill = async surroundings =>
  await underLoad(surroundings, async (faults, load) => {
    const { random, isShort } = surroundings
    let slowestMs = 0
    for (let round = 0; round < (isShort ? 1 : ROUNDS); round++) {
      await delay(300 + random() * 700)
      await faults.crashDatabase()
      await delay(500 + random() * 1500)
      await faults.restartDatabase()
      slowestMs = Math.max(slowestMs, await servedAgain(load))
    }
    return { figures: { 'served again after, ms': slowestMs } }
  })
