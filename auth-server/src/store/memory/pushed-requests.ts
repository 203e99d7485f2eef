import type { PushedRequestStore } from '../contract.ts'
import { hashKey } from './table.ts'
import type { RunStep, Tables } from './tables.ts'

/** Pushed authorization requests in memory. */
export function pushedRequestStore({ pushedRequests }: Tables, run: RunStep): PushedRequestStore {
  return {
    save: async (hash, request) => {
      await run(() => {
        pushedRequests.set(hashKey(hash), request)
      })
    },
    find: async hash => await run(() => pushedRequests.get(hashKey(hash)) ?? null),
    remove: async hash => await run(() => pushedRequests.delete(hashKey(hash)))
  }
}
