import { setTimeout as delay } from 'node:timers/promises'
import { lostByClients } from '../support/ledger.ts'
import { countAnswers, startShopLoad } from '../support/shop-load.ts'
import type { Drill } from '../support/types.ts'

const ROUNDS = 5

/** The PostgreSQL of every process is ended as by a crash, under load, and started again some time later. */
export const databaseRestart: Drill = async ({ stack, random, isShort, log }) => {
  const faults = await stack()
  const load = await startShopLoad(faults.stack, random)
  let slowestMs = 0
  try {
    for (let round = 0; round < (isShort ? 1 : ROUNDS); round++) {
      await load.recovered('order')
      await delay(300 + random() * 700)
      await faults.crashDatabase()
      await delay(500 + random() * 1500)
      await faults.restartDatabase()
      const tookMs = Math.max(...(await Promise.all((['order', 'read', 'token'] as const).map(load.recovered))))
      log(`back, and all is answered again after ${tookMs} ms`)
      slowestMs = Math.max(slowestMs, tookMs)
    }
  } finally {
    await load.stop()
  }
  return {
    saw: countAnswers(load.answers),
    figures: {
      'orders answered 201': load.placed.size,
      'longest answer, ms': Math.max(...load.answers.map(({ tookMs }) => tookMs)),
      'served again after, ms': slowestMs
    },
    lost: await lostByClients(faults, load)
  }
}
