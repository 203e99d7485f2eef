import type { EndUserConnection } from '@sallyport/security-context'
import { invalidGrant, refusalsAbout, type RequestParties } from '../../oauth-error.ts'
import { satisfies } from '../../store/confirmation.ts'
import type { WriteAudit } from '../../store/contract.ts'
import type { Client, RefreshToken, Session, UserSession } from '../../store/records.ts'
import { hashOfSecret, newSecret } from '../../tokens/secret-token.ts'
import type { AccountParts } from '../account-parts.ts'
import { endSessions } from './end-sessions.ts'
import { openSuccessor, sealSuccessor } from './sealed-successor.ts'

/** A session and the refresh token to use from now on. */
export interface RotatedSession extends UserSession {
  readonly refreshToken: string
}

/** Who presents a refresh token. */
export interface RefreshRequest {
  readonly client: Client
  readonly refreshToken: string
  readonly connection: EndUserConnection
  /** Throws when the session cannot give what is asked for; the refresh token is not used up then. */
  readonly refuse: (session: Session) => void
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
  server: AccountParts,
  request: RefreshRequest,
  audit: WriteAudit
): Promise<RotatedSession> {
  const found = await server.store.sessions.findByRefreshToken(hashOfSecret(request.refreshToken))
  if (found === null) throw invalidGrant('refresh-token-unknown')
  return await refusalsAbout(sharedBy(found.session), async () => await rotateFound(server, request, found, audit))
}

async function rotateFound(
  server: AccountParts,
  request: RefreshRequest,
  stored: RefreshToken,
  audit: WriteAudit
): Promise<RotatedSession> {
  refuseUnusable(server, request, stored)
  request.refuse(stored.session)
  if (stored.successorSealed === null) {
    const successor = newSecret()
    if (await storeSuccessor(server, request, stored, successor, audit)) return { ...stored, refreshToken: successor }
    // Another request for the same token, here or on another instance, was first: its successor is ours too.
    const now = await server.store.sessions.findByRefreshToken(stored.hash)
    if (now === null) throw invalidGrant('refresh-token-unknown')
    refuseUnusable(server, request, now)
    return await successorOf(server, request, now, audit)
  }
  return await successorOf(server, request, stored, audit)
}

/** What a refusal is about: the client is the one that came, which need not be that of the session. */
function sharedBy({ id, userId }: Session): RequestParties {
  return { subject: userId, resource: { type: 'session', id } }
}

const partiesOf = (session: Session): RequestParties => ({ ...sharedBy(session), clientId: session.clientId })

function refuseUnusable(
  { clock, confirmation }: AccountParts,
  { client }: RefreshRequest,
  { session, user }: RefreshToken
): void {
  if (session.clientId !== client.id) throw invalidGrant('refresh-token-foreign')
  if (!satisfies(session.confirmation, confirmation)) throw invalidGrant('refresh-token-key')
  if (session.endedAtMs !== null) throw invalidGrant('session-ended')
  if (clock() >= session.absoluteExpiresAtMs) throw invalidGrant('session-expired')
  if (clock() >= session.idleExpiresAtMs) throw invalidGrant('session-idle')
  if (user.disabledAtMs !== null) throw invalidGrant('user-disabled')
}

async function storeSuccessor(
  server: AccountParts,
  request: RefreshRequest,
  stored: RefreshToken,
  successor: string,
  audit: WriteAudit
): Promise<boolean> {
  const nowMs = server.clock()
  const { session } = stored
  return await server.store.transaction(async trx => {
    const won = await trx.sessions.rotate({
      hash: stored.hash,
      successorHash: hashOfSecret(successor),
      successorSealed: sealSuccessor(request.refreshToken, successor),
      sessionId: session.id,
      nowMs,
      idleExpiresAtMs: Math.min(nowMs + session.idleSeconds * 1000, session.absoluteExpiresAtMs),
      userAgent: request.connection.userAgent ?? null,
      sourceAddress: request.connection.sourceAddress ?? null
    })
    if (won) await audit(trx, { action: 'session.refresh', outcome: 'success', ...partiesOf(session) })
    return won
  })
}

async function successorOf(
  server: AccountParts,
  request: RefreshRequest,
  stored: RefreshToken,
  audit: WriteAudit
): Promise<RotatedSession> {
  const { session, successorSealed, usedAtMs, successorUsedAtMs } = stored
  if (successorSealed === null) throw invalidGrant('session-ended')
  const graceEndedMs = server.clock() - server.lifetimes.refreshGraceMs
  const isPastGrace = (sinceMs: number | null): boolean => sinceMs !== null && sinceMs < graceEndedMs
  if (isPastGrace(successorUsedAtMs)) return await refuseStolen(server, stored, 'successor-was-used', audit)
  const isLate = successorUsedAtMs === null && isPastGrace(usedAtMs)
  const isAnswered = await server.store.transaction(async trx => {
    if (isLate && !(await trx.sessions.noteLateRepeat(stored.hash))) return false
    const reason = isLate ? 'repeated-late' : 'repeated'
    await audit(trx, { action: 'session.refresh', outcome: 'success', reason, ...partiesOf(session) })
    return true
  })
  if (!isAnswered) return await refuseStolen(server, stored, 'late-repeats-in-two-generations', audit)
  return { ...stored, refreshToken: openSuccessor(request.refreshToken, successorSealed) }
}

async function refuseStolen(
  server: AccountParts,
  { session }: RefreshToken,
  sign: TheftSign,
  audit: WriteAudit
): Promise<never> {
  const reason = 'refresh-token-reused'
  await server.store.transaction(async trx => {
    const ended = await endSessions(trx, { kind: 'session', sessionId: session.id }, reason, server.clock())
    if (ended.length === 0) return
    await audit(trx, { action: 'session.end', outcome: 'success', reason, ...partiesOf(session), detail: { sign } })
  })
  throw invalidGrant(reason)
}
