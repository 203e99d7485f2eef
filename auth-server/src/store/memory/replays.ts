import type { ReplayStore } from '../contract.ts'
import type { RunStep, Tables } from './tables.ts'

/** Used ids looked at for their expiry with each new one. */
const SWEPT = 2

/** Used ids in memory: those that came first are looked at first, so that what has expired goes. */
export function replayStore({ replays }: Tables, run: RunStep): ReplayStore {
  return {
    record: async ({ issuer, jti, expiresAtMs }, nowMs) =>
      await run(() => {
        for (const [key, untilMs] of replays.oldest(SWEPT)) if (untilMs < nowMs) replays.delete(key)
        const key = JSON.stringify([issuer, jti])
        if (replays.has(key)) return false
        replays.set(key, expiresAtMs)
        return true
      })
  }
}
