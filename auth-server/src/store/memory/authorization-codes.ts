import type { AuthorizationCodeStore } from '../contract.ts'
import { hashKey } from './table.ts'
import type { RunStep, Tables } from './tables.ts'

/** Authorization codes in memory. */
export function authorizationCodeStore({ authorizationCodes }: Tables, run: RunStep): AuthorizationCodeStore {
  return {
    save: async (hash, code) => {
      await run(() => {
        authorizationCodes.set(hashKey(hash), { code, sessionId: null })
      })
    },
    find: async hash => await run(() => authorizationCodes.get(hashKey(hash)) ?? null),
    use: async (hash, sessionId) =>
      await run(() => {
        const stored = authorizationCodes.get(hashKey(hash))
        if (stored === undefined || stored.sessionId !== null) return false
        authorizationCodes.set(hashKey(hash), { ...stored, sessionId })
        return true
      })
  }
}
