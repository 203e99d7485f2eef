import type { ClientStore } from '../contract.ts'
import type { RunStep, Tables } from './tables.ts'

/** Clients and their secrets in memory. */
export function clientStore({ clients, clientSecrets }: Tables, run: RunStep): ClientStore {
  return {
    find: async id => await run(() => clients.get(id) ?? null),
    lockForUse: async id => await run(() => clients.get(id) ?? null),
    lockForChange: async id => await run(() => clients.get(id) ?? null),
    findWithSecrets: async id =>
      await run(() => {
        const client = clients.get(id)
        return client === undefined ? null : { client, secrets: clientSecrets.get(id) ?? [] }
      }),
    create: async client =>
      await run(() => {
        if (clients.has(client.id)) return false
        clients.set(client.id, client)
        return true
      }),
    addSecret: async (clientId, secret) => {
      await run(() => {
        clientSecrets.set(clientId, [{ ...secret, clientId }, ...(clientSecrets.get(clientId) ?? [])])
      })
    },
    expireOtherSecrets: async (clientId, keptSecretId, expiresAtMs) => {
      await run(() =>
        clientSecrets.update(clientId, secrets =>
          secrets.map(secret => {
            const isSooner = secret.expiresAtMs !== null && secret.expiresAtMs <= expiresAtMs
            return secret.id === keptSecretId || isSooner ? secret : { ...secret, expiresAtMs }
          })
        )
      )
    },
    setStatus: async (id, status) => {
      await run(() => clients.update(id, client => ({ ...client, status })))
    },
    change: async (id, changes) => {
      await run(() => clients.update(id, client => ({ ...client, ...changes })))
    },
    setDisabled: async (id, disabledAtMs) => {
      await run(() => clients.update(id, client => ({ ...client, disabledAtMs })))
    },
    list: async () => await run(() => clients.values().sort((a, b) => (a.id < b.id ? -1 : 1)))
  }
}
