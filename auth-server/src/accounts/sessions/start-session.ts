import { randomUUID } from 'node:crypto'
import type { EndUserConnection } from '@sallyport/security-context'
import { invalidGrant } from '../../oauth-error.ts'
import type { WriteAudit } from '../../store/contract.ts'
import type { Client, Session, User } from '../../store/records.ts'
import { hashOfSecret, newSecret } from '../../tokens/secret-token.ts'
import type { AccountParts } from '../account-parts.ts'

/** What a new session is for. */
export interface NewSession {
  /** Default: a random one. */
  readonly sessionId?: string
  /** As it was when the credential was checked. */
  readonly user: User
  readonly client: Client
  readonly kind: 'login' | 'api'
  /** From the roles of the user at the moment of the start. */
  readonly scopesOf: (user: User) => readonly string[]
  readonly audience: string
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
 * Starts a session. User and client are read again under a lock: a user who was disabled, or whose password changed,
 * while the password was being hashed gets no session, nor does a client that was disabled.
 * @throws {OAuthError} `invalid_grant`
 */
export async function startSession(
  server: AccountParts,
  wanted: NewSession,
  audit: WriteAudit
): Promise<StartedSession> {
  const refreshToken = newSecret()
  const nowMs = server.clock()
  return await server.store.transaction(async trx => {
    await trx.users.lockForLogin(wanted.user.id)
    const user = await trx.users.find(wanted.user.id)
    if (user === null || user.disabledAtMs !== null || user.passwordChangedAtMs !== wanted.user.passwordChangedAtMs) {
      throw invalidGrant('user-changed')
    }
    const client = await trx.clients.lockForUse(wanted.client.id)
    if (client === null || client.disabledAtMs !== null) throw invalidGrant('client-disabled')
    const session = sessionOf(
      server,
      wanted,
      wanted.scopesOf(user),
      await trx.statusLists.allocate(server.statusListSize, nowMs),
      nowMs
    )
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
  })
}

function sessionOf(
  server: AccountParts,
  wanted: NewSession,
  scopes: readonly string[],
  status: Session['status'],
  nowMs: number
): Session {
  const { idleSeconds, absoluteSeconds } = server.lifetimes.sessions[wanted.kind]
  const absoluteExpiresAtMs = nowMs + absoluteSeconds * 1000
  return {
    id: wanted.sessionId ?? randomUUID(),
    userId: wanted.user.id,
    clientId: wanted.client.id,
    kind: wanted.kind,
    scopes,
    audience: wanted.audience,
    idleSeconds,
    createdAtMs: nowMs,
    lastUsedAtMs: nowMs,
    idleExpiresAtMs: Math.min(nowMs + idleSeconds * 1000, absoluteExpiresAtMs),
    absoluteExpiresAtMs,
    userAgent: wanted.connection.userAgent ?? null,
    sourceAddress: wanted.connection.sourceAddress ?? null,
    status,
    // A confidential client proves who it is with each refresh; a public one has only this.
    confirmation: wanted.client.confidential ? null : server.confirmation,
    signInId: wanted.signIn?.id ?? null,
    authenticatedAtMs: wanted.signIn?.authenticatedAtMs ?? null,
    endedAtMs: null,
    endReason: null
  }
}
