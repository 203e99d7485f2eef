import type { EndUserConnection } from '@sallyport/security-context'
import { invalidGrant, refusalsAbout, type RequestParties } from '../../oauth-error.ts'
import { satisfies } from '../../store/confirmation.ts'
import type { RefreshToken, Session, User, UserSession } from '../../store/records.ts'
import { hashOfSecret, newSecret } from '../../tokens/secret-token.ts'
import { endSessions } from './end-sessions.ts'
import { sealSuccessor, unsealSuccessor } from './sealed-successor.ts'
import type { RotationContext, SessionContext } from './session-context.ts'

/** A session, the refresh token to use from now on, and the scopes that were asked for. */
export interface RotatedSession extends UserSession {
  readonly refreshToken: string
  readonly scopes: readonly string[]
}

/** A refresh token as a client presents it. */
export interface PresentedRefreshToken {
  readonly refreshToken: string
  /** The end user's. */
  readonly connection: EndUserConnection
  /** What the session gives of what is asked for. When it throws, the refresh token is not used up. */
  readonly scopesFor: (session: Session, user: User) => Promise<readonly string[]>
}

/** How a theft showed itself. */
type TheftSign = 'successor-was-used' | 'late-repeats-in-two-generations'

/**
 * Exchanges a refresh token for its successor. The first use makes the successor; every later one gets the same, byte
 * for byte, so that neither a lost answer nor a race logs anybody out. Two signs say that the token is in two hands,
 * and end the session: it is presented when its successor has been used itself and the grace has passed; or it is
 * repeated later than the grace, and so was its predecessor: one answer gets lost, however late that is noticed, but
 * not the answer of each generation.
 * @throws {OAuthError} `invalid_grant`
 * @see RFC 9700 §4.14.2, RFC 8705 §4, RFC 9449 §5
 */
export async function rotateRefreshToken(
  context: RotationContext,
  presented: PresentedRefreshToken
): Promise<RotatedSession> {
  const { store } = context.server
  const stored = await store.sessions.findByRefreshToken(hashOfSecret(presented.refreshToken))
  if (stored === null) throw invalidGrant('refresh-token-unknown')
  return await refusalsAbout(partiesSharing(stored.session), async () => {
    refuseUnusable(context, stored)
    const scopes = await presented.scopesFor(stored.session, stored.user)
    const refreshToken = await rotateStored(context, presented, stored)
    return { session: stored.session, user: stored.user, refreshToken, scopes }
  })
}

/** @returns the successor */
async function rotateStored(
  context: RotationContext,
  presented: PresentedRefreshToken,
  stored: RefreshToken
): Promise<string> {
  if (stored.successorSealed !== null) return await repeatSuccessor(context, presented, stored)
  const successor = newSecret()
  if (await storeSuccessor(context, presented, stored, successor)) return successor
  // Another request for the same token, here or on another instance, was first: its successor is ours too.
  const now = await context.server.store.sessions.findByRefreshToken(stored.hash)
  if (now === null) throw invalidGrant('refresh-token-unknown')
  refuseUnusable(context, now)
  return await repeatSuccessor(context, presented, now)
}

/** What a refusal is about: the client is the one that came, which need not be that of the session. */
function partiesSharing({ id, userId }: Session): RequestParties {
  return { subject: userId, resource: { type: 'session', id } }
}

const partiesIn = (session: Session): RequestParties => ({ ...partiesSharing(session), clientId: session.clientId })

function refuseUnusable({ server, client, confirmation }: SessionContext, { session, user }: RefreshToken): void {
  const nowMs = server.clock()
  if (session.clientId !== client.id) throw invalidGrant('refresh-token-foreign')
  if (!satisfies(session.confirmation, confirmation)) throw invalidGrant('refresh-token-key')
  if (session.endedAtMs !== null) throw invalidGrant('session-ended')
  if (nowMs >= session.absoluteExpiresAtMs) throw invalidGrant('session-expired')
  if (nowMs >= session.idleExpiresAtMs) throw invalidGrant('session-idle')
  if (user.disabledAtMs !== null) throw invalidGrant('user-disabled')
}

async function storeSuccessor(
  { server, auditWith }: RotationContext,
  { refreshToken, connection }: PresentedRefreshToken,
  { hash, session }: RefreshToken,
  successor: string
): Promise<boolean> {
  const { store, clock } = server
  const nowMs = clock()
  const rotation = {
    hash,
    successorHash: hashOfSecret(successor),
    successorSealed: sealSuccessor(refreshToken, successor),
    sessionId: session.id,
    nowMs,
    idleExpiresAtMs: Math.min(nowMs + session.idleSeconds * 1000, session.absoluteExpiresAtMs),
    userAgent: connection.userAgent ?? null,
    sourceAddress: connection.sourceAddress ?? null
  }
  const event = { action: 'session.refresh', outcome: 'success', ...partiesIn(session) } as const
  return await auditWith(store, event, row => store.sessions.rotate(rotation, row))
}

/** The successor that an earlier use has made, unless this use says that the token is in two hands. */
async function repeatSuccessor(
  context: SessionContext,
  { refreshToken }: PresentedRefreshToken,
  stored: RefreshToken
): Promise<string> {
  const { server, audit } = context
  const { session, successorSealed, usedAtMs, successorUsedAtMs } = stored
  if (successorSealed === null) throw invalidGrant('session-ended')
  const graceEndedMs = server.clock() - server.lifetimes.refreshGraceMs
  const isPastGrace = (sinceMs: number | null): boolean => sinceMs !== null && sinceMs < graceEndedMs
  if (isPastGrace(successorUsedAtMs)) return await refuseStolen(context, session, 'successor-was-used')
  const isLate = successorUsedAtMs === null && isPastGrace(usedAtMs)
  const isAnswered = await server.store.transaction(async trx => {
    if (isLate && !(await trx.sessions.noteLateRepeat(stored.hash))) return false
    const reason = isLate ? 'repeated-late' : 'repeated'
    await audit(trx, { action: 'session.refresh', outcome: 'success', reason, ...partiesIn(session) })
    return true
  })
  if (!isAnswered) return await refuseStolen(context, session, 'late-repeats-in-two-generations')
  return unsealSuccessor(refreshToken, successorSealed)
}

async function refuseStolen({ server, audit }: SessionContext, session: Session, sign: TheftSign): Promise<never> {
  const reason = 'refresh-token-reused'
  await server.store.transaction(async trx => {
    const ended = await endSessions(trx, { kind: 'session', sessionId: session.id }, reason, server.clock())
    if (ended.length === 0) return
    await audit(trx, { action: 'session.end', outcome: 'success', reason, ...partiesIn(session), detail: { sign } })
  })
  throw invalidGrant(reason)
}
