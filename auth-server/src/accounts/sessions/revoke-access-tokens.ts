import type { Store } from '../../store/contract.ts'
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
