import { endSessions } from '../accounts/sessions/end-sessions.ts'
import { revokeAccessTokensOfClient, revokeAccessTokensOfSessions } from '../accounts/sessions/revoke-access-tokens.ts'
import { invalidGrant, OAuthError } from '../oauth-error.ts'
import type { Session } from '../store/records.ts'
import { hashOfJti } from '../tokens/access-token-claims.ts'
import { hashOfSecret } from '../tokens/secret-token.ts'
import { isAt, type AccessTokenState } from '../tokens/verify-access-token.ts'
import { signedClaims } from '../tokens/verify-jwt.ts'
import type { ClientContext } from './client-context.ts'
import { ID_TOKEN_TYPE } from './openid/id-tokens.ts'

/** What a revocation did; all of them are answered alike. */
export type RevocationOutcome = 'refresh-token-revoked' | 'access-token-revoked' | 'token-not-in-force'

/**
 * Revokes a token of this client. The hint of the request is not needed: every kind is looked for. Revoking a refresh
 * token ends its session with all access tokens; revoking an access token revokes all access tokens of its session, or
 * of the client when it has none, because a status position stands for all of them: the session lives on and refreshes.
 * @throws {OAuthError} `invalid_grant` for a token in force that was issued to another client, `unsupported_token_type`
 * for an id token or a token by exchange; they are left as they are
 * @see RFC 7009 §2.1, §2.2
 */
export async function revokeToken(context: ClientContext, token: string): Promise<RevocationOutcome> {
  const { server, client } = context
  const refreshToken = await server.store.sessions.findByRefreshToken(hashOfSecret(token))
  if (refreshToken !== null) {
    if (refreshToken.session.endedAtMs !== null) return 'token-not-in-force'
    if (refreshToken.session.clientId !== client.id) throw invalidGrant('token-foreign')
    return await revokeSession(context, refreshToken.session)
  }
  const state = await server.verifyAccessToken(token)
  if (state.kind === 'inactive') {
    if ((await signedClaims(server.keys, token, ID_TOKEN_TYPE)) !== null) throw notRevocable('id-token')
    return 'token-not-in-force'
  }
  if (state.claims.client_id !== client.id) throw invalidGrant('token-foreign')
  // A token by exchange shares the position of the session that it came from, which is another client's to revoke.
  if (state.owner !== null && state.owner.session.clientId !== client.id) throw notRevocable('exchanged-token')
  return await revokeAccessToken(context, token, state)
}

async function revokeSession({ server, audit }: ClientContext, session: Session): Promise<RevocationOutcome> {
  return await server.store.transaction(async trx => {
    const ended = await endSessions(trx, { kind: 'session', sessionId: session.id }, 'revoked', server.clock())
    const { id, userId: subject, clientId } = session
    await audit(trx, {
      action: 'session.end',
      outcome: 'success',
      reason: 'revoked',
      subject,
      clientId,
      resource: { type: 'session', id }
    })
    return ended.length > 0 ? 'refresh-token-revoked' : 'token-not-in-force'
  })
}

async function revokeAccessToken(
  { server, client, audit }: ClientContext,
  token: string,
  { claims, owner }: Extract<AccessTokenState, { kind: 'active' }>
): Promise<RevocationOutcome> {
  if (owner === null && claims.sub !== client.id) throw invalidGrant('token-foreign')
  return await server.store.transaction(async trx => {
    await trx.opaqueTokens.remove(hashOfSecret(token))
    // The owner as it is now, under a lock: another revocation may have moved it on, and revoked this token with that.
    if (owner === null) {
      const current = await trx.clients.lockForChange(client.id)
      if (current === null || !isAt(server, claims, current.status)) return 'token-not-in-force'
      await revokeAccessTokensOfClient(trx, current, server.statusListSize, server.clock())
    } else {
      const session = (await trx.sessions.lockLiveOfUser(owner.user.id)).find(({ id }) => id === owner.session.id)
      if (session === undefined || !isAt(server, claims, session.status)) return 'token-not-in-force'
      await revokeAccessTokensOfSessions(trx, [session], server.statusListSize, server.clock())
    }
    await audit(trx, {
      action: 'token.revoke',
      outcome: 'success',
      subject: claims.sub,
      clientId: client.id,
      resource: { type: 'client', id: client.id },
      detail: { jtiHash: hashOfJti(claims.jti), sessionId: claims.sid ?? null }
    })
    return 'access-token-revoked'
  })
}

/** @see RFC 7009 §2.2.1 */
function notRevocable(reason: string): OAuthError {
  return new OAuthError('unsupported_token_type', reason, 'This kind of token is not revoked')
}
