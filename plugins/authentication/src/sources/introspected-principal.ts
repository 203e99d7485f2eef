import { freezeJson, ownMember, type JsonObject } from '@sallyport/security-context/mechanics'
import type { Principal } from '@sallyport/security-context'
import { actorOfClaim, hasAudience, identifier, numericDate, scopesOfClaim, stringsClaim } from '../tokens/claims.ts'
import { InvalidTokenError } from '../errors.ts'
import { boundedIdentity, UNBOUNDED, type IdentityBounds } from '../tokens/issuer-trust.ts'

/**
 * Who an introspected token stands for.
 * @param answer the endpoint's answer; frozen by this call
 * @param bounds what the issuer may say of its subjects
 * @throws {InvalidTokenError} when the token is not active, or not for this service
 * @see RFC 7662 §2.2
 */
export function introspectedPrincipal(
  answer: JsonObject,
  expected: { readonly audience: string; readonly issuer?: string },
  nowSeconds: number,
  bounds: IdentityBounds = UNBOUNDED
): Principal {
  if (ownMember(answer, 'active') !== true) throw new InvalidTokenError('token-inactive')
  const issuer = identifier(ownMember(answer, 'iss'))
  if (expected.issuer !== undefined && issuer !== null && issuer !== expected.issuer) {
    throw new InvalidTokenError('issuer-mismatch')
  }
  if (!hasAudience(ownMember(answer, 'aud'), expected.audience)) throw new InvalidTokenError('audience-mismatch')
  const expiresAtSeconds = numericDate(ownMember(answer, 'exp'))
  if (expiresAtSeconds !== null && nowSeconds >= expiresAtSeconds) throw new InvalidTokenError('token-expired')
  const notBeforeSeconds = numericDate(ownMember(answer, 'nbf'))
  if (notBeforeSeconds !== null && nowSeconds < notBeforeSeconds) throw new InvalidTokenError('token-not-yet-valid')
  checkKind(answer)
  const subject = identifier(ownMember(answer, 'sub'))
  if (subject === null) throw new InvalidTokenError('claim-missing')
  return Object.freeze({
    issuer: issuer ?? expected.issuer ?? null,
    subject,
    clientId: identifier(ownMember(answer, 'client_id')),
    ...boundedIdentity([...new Set(stringsClaim(ownMember(answer, 'roles')))], bounds),
    scopes: Object.freeze(scopesOfClaim(ownMember(answer, 'scope'), 'space-delimited')),
    audience: expected.audience,
    sessionId: identifier(ownMember(answer, 'sid')),
    tokenId: identifier(ownMember(answer, 'jti')),
    actor: actorOfClaim(ownMember(answer, 'act')),
    issuedAtSeconds: numericDate(ownMember(answer, 'iat')),
    expiresAtSeconds,
    claims: freezeJson(answer)
  })
}

/**
 * A token of another type than bearer is one that is bound to a key: whether the sender holds it is for each request to
 * show.
 */
function checkKind(answer: JsonObject): void {
  const tokenType = ownMember(answer, 'token_type')
  if (tokenType === undefined) return
  const types = ownMember(answer, 'cnf') === undefined ? ['bearer', 'access_token'] : ['bearer', 'access_token', 'dpop']
  if (typeof tokenType !== 'string' || !types.includes(tokenType.toLowerCase())) {
    throw new InvalidTokenError('token-type-mismatch')
  }
}
