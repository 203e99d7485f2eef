import type { PushedRequestStore } from '../contract.ts'
import { keyOf } from './table.ts'
import type { Run, Tables } from './tables.ts'

/** Pushed authorization requests in memory. */
export function pushedRequestStore({ pushedRequests }: Tables, run: Run): PushedRequestStore {
  return {
    save: async (hash, request) => {
      await run(() => {
        pushedRequests.set(keyOf(hash), request)
      })
    },
    find: async hash => await run(() => pushedRequests.get(keyOf(hash)) ?? null),
    remove: async hash => await run(() => pushedRequests.delete(keyOf(hash)))
  }
}
