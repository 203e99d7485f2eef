import type { Principal, TokenSet } from '@sallyport/security-context'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { BY_PASSWORD, newPairing, type LoginFacts } from './pairing.ts'
import type { SessionCore } from './session-core.ts'

/** A login that succeeded. */
export interface SucceededLogin {
  readonly tokens: TokenSet
  readonly principal: Principal
  /** Of a login at the issuer; `null` for one by password. */
  readonly atIssuer: IssuerLogin | null
}

/** What a login at the issuer says beyond its tokens. */
export interface IssuerLogin {
  readonly facts: Omit<LoginFacts, 'method'>
  readonly issuer: string
  /** As the issuer calls the person towards this app. */
  readonly subject: string
  /** `sid` of the id_token. */
  readonly sessionId: string | null
  readonly idToken: string
  /** Opens the key that the access token is bound to; `null` for none. */
  readonly dpopSecret: string | null
}

/**
 * Begins the session of a login: in the store, or in the cookies.
 * @throws `SALLYPORT_AUTHENTICATION_COOKIE_TOO_LARGE` (500), `SALLYPORT_AUTHENTICATION_STORE_UNAVAILABLE` (503)
 */
export async function beginSession(
  core: SessionCore,
  request: FastifyRequest,
  reply: FastifyReply,
  { tokens, principal, atIssuer }: SucceededLogin
): Promise<void> {
  const facts = atIssuer?.facts ?? null
  const dpopSecret = atIssuer?.dpopSecret ?? null
  if (core.stored === null) {
    const pairing = newPairing(facts === null ? null : { ...facts, dpopSecret })
    core.setCookies(request, reply, core.jar.seal(tokens, pairing))
    return
  }
  await core.stored.begin(request, reply, {
    tokens,
    issuer: atIssuer?.issuer ?? principal.issuer ?? '',
    subject: atIssuer?.subject ?? principal.subject,
    issuerSessionId: atIssuer?.sessionId ?? principal.sessionId,
    login: facts === null ? BY_PASSWORD : { ...facts, method: 'issuer' },
    idToken: atIssuer?.idToken ?? null,
    dpopSecret,
    clientId: principal.clientId
  })
}
