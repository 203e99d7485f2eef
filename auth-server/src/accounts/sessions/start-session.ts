import { randomUUID } from 'node:crypto'
import type { EndUserConnection } from '@sallyport/security-context'
import { invalidGrant } from '../../oauth-error.ts'
import type { Store } from '../../store/contract.ts'
import type { Session, StatusPosition, User } from '../../store/records.ts'
import { hashOfSecret, newSecret } from '../../tokens/secret-token.ts'
import type { SessionContext } from './session-context.ts'

/** What a new session is for. */
export interface NewSession {
  /** Default: a random one. */
  readonly sessionId?: string
  /** As it was when the credential was checked. */
  readonly user: User
  readonly kind: 'login' | 'api'
  /** What is granted to the user as it is when the session starts. */
  readonly scopesFor: (user: User) => readonly string[]
  readonly audience: string
  /** The end user's. */
  readonly connection: EndUserConnection
  /** The sign-in that the session is granted in. */
  readonly signIn?: { readonly id: string; readonly authenticatedAtMs: number }
}

/** A session with its first refresh token. */
export interface StartedSession {
  readonly session: Session
  readonly user: User
  readonly refreshToken: string
}

/**
 * Starts a session in a transaction of its own.
 * @throws {OAuthError} `invalid_grant`
 */
export async function startSession(context: SessionContext, wanted: NewSession): Promise<StartedSession> {
  return await context.server.store.transaction(async trx => await startSessionWithin(trx, context, wanted))
}

/**
 * Starts a session. User and client are read again under a lock: a user who was disabled, or whose password changed,
 * while the password was being hashed gets no session, nor does a client that was disabled.
 * @param trx the store of a transaction: when that rolls back, there is no session
 * @throws {OAuthError} `invalid_grant`
 */
export async function startSessionWithin(
  trx: Store,
  context: SessionContext,
  wanted: NewSession
): Promise<StartedSession> {
  const { server, audit } = context
  const refreshToken = newSecret()
  const nowMs = server.clock()
  await trx.users.lockForLogin(wanted.user.id)
  const user = await trx.users.find(wanted.user.id)
  if (user === null || user.disabledAtMs !== null || user.passwordChangedAtMs !== wanted.user.passwordChangedAtMs) {
    throw invalidGrant('user-changed')
  }
  const client = await trx.clients.lockForUse(context.client.id)
  if (client === null || client.disabledAtMs !== null) throw invalidGrant('client-disabled')
  const granted = {
    scopes: wanted.scopesFor(user),
    status: await trx.statusLists.allocate(server.statusListSize, nowMs)
  }
  const session = newSession(context, wanted, granted, nowMs)
  await trx.sessions.create(session, hashOfSecret(refreshToken))
  await audit(trx, {
    action: 'session.start',
    outcome: 'success',
    subject: user.id,
    clientId: session.clientId,
    ...(wanted.signIn === undefined && { nameTried: user.username }),
    resource: { type: 'session', id: session.id },
    detail: {
      kind: session.kind,
      grant: wanted.signIn === undefined ? 'password' : 'authorization_code',
      sourceAddress: session.sourceAddress
    }
  })
  return { session, user, refreshToken }
}

function newSession(
  { server, client, confirmation }: SessionContext,
  wanted: NewSession,
  granted: { readonly scopes: readonly string[]; readonly status: StatusPosition },
  nowMs: number
): Session {
  const { idleSeconds, absoluteSeconds } = server.lifetimes.sessions[wanted.kind]
  const absoluteExpiresAtMs = nowMs + absoluteSeconds * 1000
  return {
    id: wanted.sessionId ?? randomUUID(),
    userId: wanted.user.id,
    clientId: client.id,
    kind: wanted.kind,
    ...granted,
    audience: wanted.audience,
    idleSeconds,
    createdAtMs: nowMs,
    lastUsedAtMs: nowMs,
    idleExpiresAtMs: Math.min(nowMs + idleSeconds * 1000, absoluteExpiresAtMs),
    absoluteExpiresAtMs,
    userAgent: wanted.connection.userAgent ?? null,
    sourceAddress: wanted.connection.sourceAddress ?? null,
    // A confidential client proves who it is with each refresh; a public one has only this.
    confirmation: client.confidential ? null : confirmation,
    signInId: wanted.signIn?.id ?? null,
    authenticatedAtMs: wanted.signIn?.authenticatedAtMs ?? null,
    endedAtMs: null,
    endReason: null
  }
}
