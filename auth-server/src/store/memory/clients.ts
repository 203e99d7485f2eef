import type { ClientStore } from '../contract.ts'
import type { RunStep, Tables } from './tables.ts'

/** Clients and their secrets in memory. */
export function clientStore(tables: Tables, run: RunStep): ClientStore {
  const { clients, clientSecrets } = tables
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
      await run(() => clients.update(id, client => ({ ...client, ...changes, version: client.version + 1 })))
    },
    setDisabled: async (id, disabledAtMs) => {
      await run(() => clients.update(id, client => ({ ...client, disabledAtMs, version: client.version + 1 })))
    },
    remove: async id => {
      await run(() => {
        removeClient(tables, id)
      })
    },
    list: async () => await run(() => clients.values().sort((a, b) => (a.id < b.id ? -1 : 1)))
  }
}

/** The client with everything that is its own, as the foreign keys of a database do it. */
function removeClient(tables: Tables, id: string): void {
  const { clients, clientSecrets, sessions, refreshTokens, authorizationCodes, pushedRequests } = tables
  for (const [key, { clientId }] of sessions.entries()) if (clientId === id) sessions.delete(key)
  for (const [key, { sessionId }] of refreshTokens.entries()) if (!sessions.has(sessionId)) refreshTokens.delete(key)
  for (const [key, { code }] of authorizationCodes.entries()) if (code.clientId === id) authorizationCodes.delete(key)
  for (const [key, { clientId }] of pushedRequests.entries()) if (clientId === id) pushedRequests.delete(key)
  for (const [key] of tables.consents.entries()) if (key.endsWith(` ${id}`)) tables.consents.delete(key)
  for (const [key, { clientId }] of tables.logoutNotices.entries()) {
    if (clientId === id) tables.logoutNotices.delete(key)
  }
  clientSecrets.delete(id)
  clients.delete(id)
}
