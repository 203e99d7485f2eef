import type { OpaqueTokenStore } from '../contract.ts'
import { hashKey } from './table.ts'
import type { RunStep, Tables } from './tables.ts'

/** Opaque access tokens in memory. */
export function opaqueTokenStore({ opaqueTokens }: Tables, run: RunStep): OpaqueTokenStore {
  return {
    save: async (hash, _clientId, claims, expiresAtMs) => {
      await run(() => {
        opaqueTokens.set(hashKey(hash), { claims, expiresAtMs })
      })
    },
    find: async hash => await run(() => opaqueTokens.get(hashKey(hash))?.claims ?? null),
    remove: async hash => {
      await run(() => opaqueTokens.delete(hashKey(hash)))
    }
  }
}
