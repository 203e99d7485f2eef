import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startOwnStack } from '@sallyport/local'
import knex from 'knex'
import { startConfiguredServices, takenSettings } from '../support/configured-services.ts'
import type { Soak } from './types.ts'

const { SALLYPORT_SOAK_CHANGES } = process.env
const CHANGES = Number(SALLYPORT_SOAK_CHANGES ?? 100)
const FIRST_VALUE = 700_000
const LOOK_EVERY_MS = 5
/** The server looks for changes of other processes every second, and readers ask at once. */
const GOAL_P99_MS = 1500

/** From the commit of a change to the moment at which the last of three processes uses it. */
export const configurationChanges: Soak = async log => {
  const own = await startOwnStack()
  const url = readFileSync(join(own.directory, 'run', 'configuration-server', 'database-url'), 'utf8').trim()
  const db = knex({ client: 'pg', connection: url, pool: { min: 0, max: 2 } })
  try {
    const { services, set, stop } = await startConfiguredServices(own)
    try {
      const times: number[] = []
      for (let change = 1; change <= CHANGES; change++) {
        const before = await Promise.all(services.map(takenSettings))
        const switched = Promise.all(
          services.map(async (service, place) => {
            const wanted = (before[place]?.version ?? 0) + 1
            while ((await takenSettings(service)).version < wanted) await delay(LOOK_EVERY_MS)
            return Date.now()
          })
        )
        await set(FIRST_VALUE + change)
        const last = Math.max(...(await switched))
        times.push(last - (await committedAt(db)))
        if (change % 10 === 0) log(`${change} changes`)
      }
      times.sort((one, other) => one - other)
      const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? 0
      const counts = { changes: CHANGES, p50Ms: at(0.5), p99Ms: at(0.99), longestMs: times.at(-1) ?? 0 }
      return { counts, broken: counts.p99Ms <= GOAL_P99_MS ? [] : [`p99 is ${counts.p99Ms} ms`] }
    } finally {
      await stop()
    }
  } finally {
    await db.destroy()
    await own.stop()
  }
}

/** The beginning of the transaction with the last change, in ms since 1970: at most a little too early. */
async function committedAt(db: knex.Knex): Promise<number> {
  const [row] = await db('configuration_versions').max({ at: 'created_at' })
  return (row?.at as Date).getTime()
}
