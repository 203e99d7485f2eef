import type { Principal } from '@sallyport/security-context'

/** A principal with what a test does not care about filled in. */
export function principal(facts: Partial<Principal> = {}): Principal {
  return {
    issuer: 'https://issuer.test',
    subject: 'alice',
    clientId: 'gateway',
    roles: [],
    scopes: [],
    audience: 'order-service',
    sessionId: null,
    tokenId: null,
    actor: null,
    issuedAtSeconds: null,
    expiresAtSeconds: null,
    claims: {},
    ...facts
  }
}
