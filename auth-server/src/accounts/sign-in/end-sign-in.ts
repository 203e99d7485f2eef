import type { WriteAudit } from '../../store/contract.ts'
import type { Session, UserSignIn } from '../../store/records.ts'
import type { AccountParts } from '../account-parts.ts'
import { endSessions } from '../sessions/end-sessions.ts'

/**
 * Logs the user out in this browser: ends the sign-in and every session that was granted in it, and tells their
 * clients. The sign-in goes first: a code that is used at the same time either has its session ended here, or gives
 * none.
 */
export async function endSignIn(
  server: Pick<AccountParts, 'store' | 'clock'>,
  { signIn, user }: UserSignIn,
  audit: WriteAudit
): Promise<void> {
  const nowMs = server.clock()
  await server.store.transaction(async trx => {
    await trx.signIns.end({ id: signIn.id }, nowMs)
    const ended = await endSessions(trx, { kind: 'sign-in', signInId: signIn.id }, 'signed-out', nowMs)
    await audit(trx, {
      action: 'sign-in.end',
      outcome: 'success',
      subject: user.id,
      resource: { type: 'sign-in', id: signIn.id },
      detail: { sessions: ended.map(({ id }) => id) }
    })
  })
}

/** Ends one session whose client says that its user has logged out, where no sign-in of this browser says more. */
export async function endHintedSession(
  server: Pick<AccountParts, 'store' | 'clock'>,
  session: Session,
  audit: WriteAudit
): Promise<void> {
  await server.store.transaction(async trx => {
    const ended = await endSessions(trx, { kind: 'session', sessionId: session.id }, 'logout', server.clock())
    if (ended.length === 0) return
    const { id, userId: subject, clientId } = session
    await audit(trx, {
      action: 'session.end',
      outcome: 'success',
      reason: 'logout',
      subject,
      clientId,
      resource: { type: 'session', id }
    })
  })
}
