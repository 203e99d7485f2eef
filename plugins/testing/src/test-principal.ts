import { randomUUID } from 'node:crypto'
import type { Principal } from '@sallyport/security-context'
import type { TokenClaims } from './sign-token.ts'

/** Who calls in a test: members of a principal, or the claims of a token, which have a `sub`. */
export type TestCaller = Partial<Principal> | (TokenClaims & { readonly sub: string })

/**
 * A whole principal for a test.
 * @param caller members of a principal, or claims of an access token of RFC 9068; what it leaves out has a default that
 * grants nothing
 */
export function testPrincipal(caller: TestCaller = {}): Principal {
  const facts = isClaims(caller) ? principalFacts(caller) : caller
  return Object.freeze({
    issuer: 'https://issuer.test',
    subject: 'test-user',
    clientId: 'test-client',
    roles: [],
    scopes: [],
    audience: null,
    sessionId: null,
    tokenId: randomUUID(),
    actor: null,
    issuedAtSeconds: null,
    expiresAtSeconds: null,
    claims: {},
    ...facts
  })
}

function isClaims(caller: TestCaller): caller is TokenClaims & { readonly sub: string } {
  return 'sub' in caller
}

function principalFacts(claims: TokenClaims & { readonly sub: string }): Partial<Principal> {
  const { sub: subject, roles, scope, client_id: clientId, sid, iss } = claims
  return {
    subject,
    claims,
    ...(Array.isArray(roles) && { roles: roles.filter(role => typeof role === 'string') }),
    ...(typeof scope === 'string' && { scopes: scope.split(' ').filter(each => each !== '') }),
    ...(typeof clientId === 'string' && { clientId }),
    ...(typeof sid === 'string' && { sessionId: sid }),
    ...(typeof iss === 'string' && { issuer: iss })
  }
}
