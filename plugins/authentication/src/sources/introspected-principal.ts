import type { Principal } from '@sallyport/security-context'
import { actorOfClaim, hasAudience, identifier, numericDate, scopesOfClaim, strings } from '../tokens/claims.ts'
import { InvalidTokenError } from '../errors.ts'
import { freezeJson, member, type JsonObject } from '../tokens/json.ts'

/**
 * Who an introspected token stands for.
 * @param answer the endpoint's answer; frozen by this call
 * @throws {InvalidTokenError} when the token is not active, or not for this service
 * @see RFC 7662 §2.2
 */
export function introspectedPrincipal(
  answer: JsonObject,
  expected: { readonly audience: string; readonly issuer?: string },
  nowSeconds: number
): Principal {
  if (member(answer, 'active') !== true) throw new InvalidTokenError('token-inactive')
  const issuer = identifier(member(answer, 'iss'))
  if (expected.issuer !== undefined && issuer !== null && issuer !== expected.issuer) {
    throw new InvalidTokenError('issuer-mismatch')
  }
  if (!hasAudience(member(answer, 'aud'), expected.audience)) throw new InvalidTokenError('audience-mismatch')
  const expiresAtSeconds = numericDate(member(answer, 'exp'))
  if (expiresAtSeconds !== null && nowSeconds >= expiresAtSeconds) throw new InvalidTokenError('token-expired')
  const notBeforeSeconds = numericDate(member(answer, 'nbf'))
  if (notBeforeSeconds !== null && nowSeconds < notBeforeSeconds) throw new InvalidTokenError('token-not-yet-valid')
  checkKind(answer)
  const subject = identifier(member(answer, 'sub'))
  if (subject === null) throw new InvalidTokenError('claim-missing')
  return Object.freeze({
    issuer: issuer ?? expected.issuer ?? null,
    subject,
    clientId: identifier(member(answer, 'client_id')),
    roles: Object.freeze([...new Set(strings(member(answer, 'roles')))]),
    scopes: Object.freeze(scopesOfClaim(member(answer, 'scope'), 'space-delimited')),
    audience: expected.audience,
    sessionId: identifier(member(answer, 'sid')),
    tokenId: identifier(member(answer, 'jti')),
    actor: actorOfClaim(member(answer, 'act')),
    issuedAtSeconds: numericDate(member(answer, 'iat')),
    expiresAtSeconds,
    claims: freezeJson(answer)
  })
}

/**
 * A token of another type than bearer is one that is bound to a key: whether the sender holds it is for each request to
 * show.
 */
function checkKind(answer: JsonObject): void {
  const tokenType = member(answer, 'token_type')
  if (tokenType === undefined) return
  const types = member(answer, 'cnf') === undefined ? ['bearer', 'access_token'] : ['bearer', 'access_token', 'dpop']
  if (typeof tokenType !== 'string' || !types.includes(tokenType.toLowerCase())) {
    throw new InvalidTokenError('token-type-mismatch')
  }
}
