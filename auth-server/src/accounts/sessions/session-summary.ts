import type { SessionSummary } from '@sallyport/security-context'
import { secondsOf } from '../../seconds.ts'
import type { Session } from '../../store/records.ts'

/** What a user may see of a session. */
export function sessionSummary(session: Session, currentSessionId: string | null): SessionSummary {
  return {
    sessionId: session.id,
    clientId: session.clientId,
    kind: session.kind,
    createdAtSeconds: secondsOf(session.createdAtMs),
    lastUsedAtSeconds: secondsOf(session.lastUsedAtMs),
    expiresAtSeconds: secondsOf(Math.min(session.idleExpiresAtMs, session.absoluteExpiresAtMs)),
    sourceAddress: session.sourceAddress,
    userAgent: session.userAgent,
    current: session.id === currentSessionId
  }
}
