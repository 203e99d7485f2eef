import type { ConsentStore } from '../contract.ts'
import type { RunStep, Tables } from './tables.ts'

const consentKey = (userId: string, clientId: string): string => `${userId} ${clientId}`

/** What users have allowed clients, in memory. */
export function consentStore({ consents }: Tables, run: RunStep): ConsentStore {
  return {
    find: async (userId, clientId) => await run(() => consents.get(consentKey(userId, clientId)) ?? []),
    ofUser: async userId =>
      await run(() =>
        consents
          .entries()
          .filter(([key]) => key.startsWith(`${userId} `))
          .map(([key, scopes]) => ({ clientId: key.slice(userId.length + 1), scopes }))
          .sort((a, b) => (a.clientId < b.clientId ? -1 : 1))
      ),
    add: async (userId, clientId, scopes) => {
      const key = consentKey(userId, clientId)
      await run(() => {
        consents.set(key, [...new Set([...(consents.get(key) ?? []), ...scopes])].sort())
      })
    },
    remove: async (userId, clientId) => {
      await run(() => consents.delete(consentKey(userId, clientId)))
    }
  }
}
