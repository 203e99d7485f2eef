import { errors, requireConfirmed, type TokenVerifier } from '@sallyport/authentication'
import type { Actor, Principal } from '@sallyport/security-context'
import { OWN_AUDIENCE } from '../administration/own-rows.ts'
import { parseScopes, type AccessTokenClaims, type ActorClaim } from '../tokens/access-token-claims.ts'
import type { VerifyAccessToken } from '../tokens/verify-access-token.ts'

/** Verifies tokens for this server itself against its own database: a revocation counts here at once. */
export function ownTokenVerifier(verifyAccessToken: VerifyAccessToken): TokenVerifier {
  return issuedTokenVerifier(verifyAccessToken, ({ aud }) => {
    if (aud !== OWN_AUDIENCE) throw new errors.InvalidTokenError('audience-mismatch')
  })
}

/**
 * Verifies tokens of whatever audience, for the one route that answers every token of a user's session: userinfo.
 * @see OpenID Connect Core 1.0 §5.3
 */
export function sessionTokenVerifier(verifyAccessToken: VerifyAccessToken): TokenVerifier {
  return issuedTokenVerifier(verifyAccessToken, ({ sid }) => {
    if (sid === undefined) throw new errors.InvalidTokenError('claim-missing')
  })
}

/** @param refuse throws for claims that are not for this route */
function issuedTokenVerifier(
  verifyAccessToken: VerifyAccessToken,
  refuse: (claims: AccessTokenClaims) => void
): TokenVerifier {
  return {
    verify: async (token, confirm) => {
      const state = await verifyAccessToken(token)
      if (state.kind === 'inactive') {
        throw new errors.InvalidTokenError('token-inactive', { cause: new Error(state.reason) })
      }
      refuse(state.claims)
      return await requireConfirmed(principalFromClaims(state.claims), confirm)
    }
  }
}

function principalFromClaims(claims: AccessTokenClaims): Principal {
  return Object.freeze({
    issuer: claims.iss,
    subject: claims.sub,
    clientId: claims.client_id,
    roles: claims.roles,
    scopes: parseScopes(claims.scope),
    audience: claims.aud,
    sessionId: claims.sid ?? null,
    tokenId: claims.jti,
    actor: actorFromClaim(claims.act),
    issuedAtSeconds: claims.iat,
    expiresAtSeconds: claims.exp,
    claims: Object.freeze({ ...claims })
  })
}

function actorFromClaim(claim: ActorClaim | undefined): Actor | null {
  return claim === undefined ? null : { subject: claim.sub, actor: actorFromClaim(claim.act) }
}
