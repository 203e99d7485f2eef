import type { SessionUse, Store } from '../../store/contract.ts'
import type { Client, Session } from '../../store/records.ts'

/**
 * Revokes the access tokens of sessions and keeps the sessions: each moves to a new status position, so that its next
 * refresh gives a valid token with the roles at that time. Call it within a transaction.
 */
export async function revokeAccessTokensOfSessions(
  store: Store,
  sessions: readonly Session[],
  listSize: number,
  nowMs: number
): Promise<void> {
  for (const { id } of sessions) await store.sessions.setStatus(id, await store.statusLists.allocate(listSize, nowMs))
  await store.statusLists.revoke(sessions.map(({ status }) => status))
}

/** Does the same for the tokens that a client got for itself. Call it within a transaction. */
export async function revokeAccessTokensOfClient(
  store: Store,
  client: Client,
  listSize: number,
  nowMs: number
): Promise<void> {
  await store.clients.setStatus(client.id, await store.statusLists.allocate(listSize, nowMs))
  await store.statusLists.revoke([client.status])
}

/**
 * Revokes the access tokens of everybody whose rights depend on this: of sessions, which go on with their next refresh,
 * and of clients, which ask for another token. Call it within a transaction.
 */
export async function revokeAccessTokensUsing(
  store: Store,
  use: SessionUse,
  listSize: number,
  nowMs: number
): Promise<void> {
  // Clients before sessions, as in every other transaction.
  const users = (await store.clients.list()).filter(client => mayUse(client, use))
  for (const { id } of users) {
    const client = await store.clients.lockForChange(id)
    if (client !== null) await revokeAccessTokensOfClient(store, client, listSize, nowMs)
  }
  const sessions = [...(await store.sessions.lockLiveUsing(use))]
  if (use.kind === 'audience') {
    // What they have exchanged for the audience has the position of the session.
    for (const { id } of users) sessions.push(...(await store.sessions.lockLiveUsing({ kind: 'client', clientId: id })))
  }
  const unique = new Map(sessions.map(session => [session.id, session]))
  await revokeAccessTokensOfSessions(store, [...unique.values()], listSize, nowMs)
}

function mayUse({ id, scopes, defaultAudience, audiences }: Client, use: SessionUse): boolean {
  // Clients have no roles.
  if (use.kind === 'role') return false
  if (use.kind === 'client') return id === use.clientId
  if (use.kind === 'scope') return scopes.includes(use.scope)
  return defaultAudience === use.audience || audiences.includes(use.audience)
}
