import type { Principal } from '@sallyport/security-context'

/** The principal of a test request, as some authentication stage would have left it. */
export function securityContextOf(subject: unknown): Principal | null {
  return typeof subject !== 'string'
    ? null
    : {
        issuer: 'https://localhost:8081',
        subject,
        clientId: 'gateway',
        roles: ['CUSTOMER'],
        scopes: [],
        audience: 'order-service',
        sessionId: 'session-1',
        tokenId: 'token-id-1',
        actor: { subject: 'gateway', actor: null },
        issuedAtSeconds: null,
        expiresAtSeconds: null,
        claims: { txn: 'txn-1' }
      }
}
