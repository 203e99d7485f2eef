import { endSessions } from '../accounts/sessions/end-sessions.ts'
import type { SessionSelector } from '../store/contract.ts'
import type { Session } from '../store/records.ts'
import type { Administration } from './administration.ts'

/** Live sessions of a user, of every kind, newest first. */
export async function listSessions({ store, clock }: Administration, userId: string): Promise<readonly Session[]> {
  return await store.sessions.listOfUser(userId, clock())
}

/**
 * Ends sessions of anybody, with everything that was issued under them.
 * @returns how many ended
 */
export async function endSessionsOf(administration: Administration, selector: SessionSelector): Promise<number> {
  return await administration.store.transaction(async trx => {
    const ended = await endSessions(trx, selector, 'ended-by-admin', administration.clock())
    for (const session of ended) {
      await administration.audit(trx, {
        action: 'session.end',
        outcome: 'success',
        reason: 'ended-by-admin',
        subject: session.userId,
        clientId: session.clientId,
        resource: { type: 'session', id: session.id },
        // The administrator is the principal, and takes the place of the subject.
        detail: { subject: session.userId }
      })
    }
    if (ended.length === 0) {
      await administration.audit(trx, { action: 'session.end', outcome: 'success', reason: 'none-live' })
    }
    return ended.length
  })
}
