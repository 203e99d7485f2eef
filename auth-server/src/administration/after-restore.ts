import { endSessions } from '../accounts/sessions/end-sessions.ts'
import { rotateInEmergency, type KeyAdministration } from './keys.ts'

/** What was ended, and what the administrator has to do by hand. */
export interface RestoredRegistry {
  readonly sessions: number
  /** Of the one key that is left. */
  readonly kid: string
  readonly checkAgain: readonly string[]
}

const CHECK_AGAIN: readonly string[] = [
  'passwords, client secrets, roles and users are those of the backup: repeat the changes that the anchored trail shows',
  'who was disabled or deleted since the backup can log in again until that is repeated',
  'verifiers keep the removed keys until they fetch the key set again'
]

/**
 * After a database was restored from a backup: whatever ended since then lives again in it, and nobody can say what. So
 * every session and every sign-in ends, and the signing keys of the backup, which may be stolen ones, all go. What was
 * issued since the backup names sessions and keys that are not there, and is refused because of that.
 */
export async function endAfterRestore(administration: KeyAdministration): Promise<RestoredRegistry> {
  const sessions = await administration.store.transaction(async trx => {
    const ended = await endSessions(trx, { kind: 'all' }, 'restored', administration.clock())
    for (const session of ended) {
      await administration.audit(trx, {
        action: 'session.end',
        outcome: 'success',
        reason: 'restored',
        subject: session.userId,
        clientId: session.clientId,
        resource: { type: 'session', id: session.id },
        detail: { subject: session.userId }
      })
    }
    const detail = { sessions: ended.length }
    await administration.audit(trx, { action: 'registry.restored', outcome: 'success', detail })
    return ended.length
  })
  const { kid } = await rotateInEmergency(administration)
  return { sessions, kid, checkAgain: CHECK_AGAIN }
}
