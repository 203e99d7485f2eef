import type { AuthorizationCodeStore } from '../contract.ts'
import { keyOf } from './table.ts'
import type { Run, Tables } from './tables.ts'

/** Authorization codes in memory. */
export function authorizationCodeStore({ authorizationCodes }: Tables, run: Run): AuthorizationCodeStore {
  return {
    save: async (hash, code) => {
      await run(() => {
        authorizationCodes.set(keyOf(hash), { code, sessionId: null })
      })
    },
    find: async hash => await run(() => authorizationCodes.get(keyOf(hash)) ?? null),
    use: async (hash, sessionId) =>
      await run(() => {
        const stored = authorizationCodes.get(keyOf(hash))
        if (stored === undefined || stored.sessionId !== null) return false
        authorizationCodes.set(keyOf(hash), { ...stored, sessionId })
        return true
      })
  }
}
