import type { WriteAudit } from '../audit.ts'
import type { AuthorizationServer } from '../authorization-server.ts'
import { invalidGrant } from '../oauth-error.ts'
import { endSessions } from '../sessions/end-sessions.ts'
import { revokeAccessTokensOfClient, revokeAccessTokensOfSessions } from '../sessions/revoke-access-tokens.ts'
import type { Client } from '../store/records.ts'
import type { AccessTokenState } from '../tokens/verify-access-token.ts'
import { hashOfSecret } from '../tokens/secret-token.ts'

/** What a revocation did; all of them are answered alike. */
export type RevocationOutcome = 'refresh-token-revoked' | 'access-token-revoked' | 'token-not-in-force'

/**
 * Revokes a token of this client. The hint of the request is not needed: every kind is looked for. Revoking a refresh
 * token ends its session with all access tokens; revoking an access token revokes all access tokens of its session, or of
 * the client when it has none, because a status position stands for all of them: the session lives on and refreshes.
 * @throws {OAuthError} `invalid_grant` for a token in force that was issued to another client; it is left as it is
 * @see RFC 7009 §2.1, §2.2
 */
export async function revokeToken (server: AuthorizationServer, client: Client, token: string, audit: WriteAudit): Promise<RevocationOutcome> {
  const refreshToken = await server.store.sessions.findByRefreshToken(hashOfSecret(token))
  if (refreshToken !== null) {
    if (refreshToken.session.endedAtMs !== null) return 'token-not-in-force'
    if (refreshToken.session.clientId !== client.id) throw invalidGrant('token-foreign')
    return await endSession(server, refreshToken.session.id, audit)
  }
  const state = await server.verifyAccessToken(token)
  if (state.kind === 'inactive') return 'token-not-in-force'
  if (state.claims.client_id !== client.id) throw invalidGrant('token-foreign')
  return await revokeAccessToken(server, client, token, state, audit)
}

async function endSession (server: AuthorizationServer, sessionId: string, audit: WriteAudit): Promise<RevocationOutcome> {
  return await server.store.transaction(async trx => {
    const ended = await endSessions(trx, { kind: 'session', sessionId }, 'revoked', server.clock())
    await audit(trx, { action: 'session.end', outcome: 'success', reason: 'revoked', resource: { type: 'session', id: sessionId } })
    return ended.length > 0 ? 'refresh-token-revoked' : 'token-not-in-force'
  })
}

async function revokeAccessToken (server: AuthorizationServer, client: Client, token: string, state: Extract<AccessTokenState, { kind: 'active' }>, audit: WriteAudit): Promise<RevocationOutcome> {
  const { claims, owner } = state
  await server.store.transaction(async trx => {
    await trx.opaqueTokens.remove(hashOfSecret(token))
    if (owner !== null) await revokeAccessTokensOfSessions(trx, [owner.session], server.statusListSize, server.clock())
    else if (claims.sub === client.id) await revokeAccessTokensOfClient(trx, client, server.statusListSize, server.clock())
    else throw invalidGrant('token-foreign')
    await audit(trx, { action: 'token.revoke', outcome: 'success', resource: { type: 'client', id: client.id }, detail: { tokenId: claims.jti, sessionId: claims.sid ?? null } })
  })
  return 'access-token-revoked'
}
