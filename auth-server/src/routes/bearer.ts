import type { Actor, Principal } from '@sallyport/security-context'
import type { FastifyInstance } from 'fastify'
import type { AuthorizationServer } from '../authorization-server.ts'
import { InvalidBearerError } from '../errors.ts'
import { scopesOf, type AccessTokenClaims, type ActorClaim } from '../tokens/access-token-claims.ts'

/** The audience under which this server is a resource server. */
export const OWN_AUDIENCE = 'auth-server'

/** Takes only requests with a bearer token in force, meant for this server. @see RFC 6750 §2.1, §3.1 */
export function requireBearer (fastify: FastifyInstance, server: AuthorizationServer): void {
  fastify.addHook('onRequest', async function authenticateBearer (request) {
    const [, token] = /^Bearer ([\w.~+/-]+=*)$/i.exec(request.headers.authorization ?? '') ?? []
    const state = token === undefined ? null : await server.verifyAccessToken(token)
    if (token === undefined || state?.kind !== 'active' || state.claims.aud !== OWN_AUDIENCE) {
      const reason = state === null ? 'credential-missing' : state.kind === 'inactive' ? state.reason : 'audience-mismatch'
      request.securityEvents.push({ stage: 'authentication', outcome: 'denied', reason })
      const challenge = token === undefined ? 'Bearer' : 'Bearer error="invalid_token"'
      throw Object.assign(new InvalidBearerError(), { headers: { 'www-authenticate': challenge } })
    }
    request.principal = principalOf(state.claims)
    request.accessToken = token
  })
}

function principalOf (claims: AccessTokenClaims): Principal {
  return Object.freeze({
    issuer: claims.iss,
    subject: claims.sub,
    clientId: claims.client_id,
    roles: claims.roles,
    scopes: scopesOf(claims.scope),
    audience: claims.aud,
    sessionId: claims.sid ?? null,
    tokenId: claims.jti,
    actor: actorOf(claims.act),
    issuedAtSeconds: claims.iat,
    expiresAtSeconds: claims.exp,
    claims: Object.freeze({ ...claims })
  })
}

function actorOf (claim: ActorClaim | undefined): Actor | null {
  return claim === undefined ? null : { subject: claim.sub, actor: actorOf(claim.act) }
}
