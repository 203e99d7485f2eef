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
  if (core.stored === null) {
    core.setCookies(request, reply, core.jar.seal(tokens, newPairing(facts)))
    return
  }
  await core.stored.begin(request, reply, {
    tokens,
    issuer: atIssuer?.issuer ?? principal.issuer ?? '',
    subject: atIssuer?.subject ?? principal.subject,
    issuerSessionId: atIssuer?.sessionId ?? principal.sessionId,
    login: facts === null ? BY_PASSWORD : { ...facts, method: 'issuer' },
    idToken: atIssuer?.idToken ?? null,
    clientId: principal.clientId
  })
}
