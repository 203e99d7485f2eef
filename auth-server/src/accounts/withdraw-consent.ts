import type { Store, WriteAudit } from '../store/contract.ts'
import { endSessions } from './sessions/end-sessions.ts'

/**
 * Takes back what a user has allowed a client, and ends the sessions that the client has of this user: their tokens are
 * worth nothing from then on, and the next request asks again.
 * @returns how many sessions ended; `null` when nothing was allowed
 */
export async function withdrawConsent(
  store: Store,
  { userId, clientId }: { readonly userId: string; readonly clientId: string },
  nowMs: number,
  audit: WriteAudit
): Promise<number | null> {
  return await store.transaction(async trx => {
    if ((await trx.consents.find(userId, clientId)).length === 0) return null
    await trx.consents.remove(userId, clientId)
    const theirs = (await trx.sessions.lockLiveOfUser(userId)).filter(session => session.clientId === clientId)
    for (const { id } of theirs) {
      await endSessions(trx, { kind: 'session', sessionId: id, userId }, 'consent-withdrawn', nowMs)
    }
    await audit(trx, {
      action: 'consent.withdraw',
      outcome: 'success',
      subject: userId,
      resource: { type: 'client', id: clientId },
      detail: { endedSessions: theirs.map(({ id }) => id) }
    })
    return theirs.length
  })
}
