import type { SessionSelector, Store } from '../../store/contract.ts'
import type { Session } from '../../store/records.ts'

/** Why a session ended: stable ids, stored and audited. */
export type EndReason =
  | 'logout'
  | 'revoked'
  | 'refresh-token-reused'
  | 'code-reused'
  | 'signed-out'
  | 'ended-by-user'
  | 'ended-by-admin'
  | 'user-disabled'
  | 'user-deleted'
  | 'password-changed'
  | 'client-disabled'
  | 'consent-withdrawn'
  | 'restored'

/**
 * Ends sessions, revokes every access token that was issued under them, and stores a notice for every client that has
 * to hear of it. Call it within a transaction, so that all of this happens together.
 * @returns the sessions that this call ended
 */
export async function endSessions(
  store: Store,
  selector: SessionSelector,
  reason: EndReason,
  nowMs: number
): Promise<readonly Session[]> {
  const ended = await store.sessions.end(selector, reason, nowMs)
  await store.statusLists.revoke(ended.map(({ status }) => status))
  // Who is logged out everywhere is logged out here too.
  if (selector.kind === 'user') {
    const { userId, keptSignInId } = selector
    await store.signIns.end({ userId, ...(keptSignInId !== undefined && { keptId: keptSignInId }) }, nowMs)
  } else if (selector.kind === 'all') await store.signIns.end({ all: true }, nowMs)
  await store.logoutNotices.add(ended, nowMs)
  return ended
}
