import type { WriteAudit } from '../../store/contract.ts'
import type { UserSignIn } from '../../store/records.ts'
import { hashOfSecret, newSecret } from '../../tokens/secret-token.ts'
import type { AuthorizationServer } from '../authorization-server.ts'
import { AuthorizationError, type AuthorizationErrorCode } from './authorization-error.ts'
import type { AuthorizationRequest } from './authorization-request.ts'

/** How long a client has to use a code. @see RFC 6749 §4.1.2, RFC 9700 §2.1.1 */
const CODE_LIFETIME_MS = 60_000

/** What a code is issued for. */
export interface GrantedRequest {
  readonly request: AuthorizationRequest
  readonly signedIn: UserSignIn
  readonly scopes: readonly string[]
  /** Whether the user has just allowed it on the page. */
  readonly consented: boolean
}

/**
 * Issues an authorization code: 256 random bits, of which the hash is stored. Consent, code, audit row and the end of
 * the pushed request are one transaction.
 * @throws {AuthorizationError} `invalid_request` when the pushed request was used already, `login_required` when the
 * sign-in has just ended
 * @see RFC 6749 §4.1.2
 */
export async function issueCode(
  server: Pick<AuthorizationServer, 'store' | 'clock' | 'lifetimes'>,
  { request, signedIn, scopes, consented }: GrantedRequest,
  audit: WriteAudit
): Promise<string> {
  const { signIn, user } = signedIn
  const code = newSecret()
  const nowMs = server.clock()
  const refusal = (error: AuthorizationErrorCode, reason: string, description: string): AuthorizationError =>
    new AuthorizationError(error, reason, description, request).about({ subject: user.id })
  await server.store.transaction(async trx => {
    // In this order everywhere: who ends all of a user's sign-ins has locked the user first.
    await trx.users.lockForLogin(user.id)
    if ((await trx.signIns.lockLive(signIn.id)) === null) {
      throw refusal('login_required', 'sign-in-ended', 'The user has to log in')
    }
    if (request.requestUri !== null && !(await trx.pushedRequests.remove(hashOfSecret(request.requestUri)))) {
      throw refusal('invalid_request', 'pushed-request-used', 'The request was used before')
    }
    if (consented) await trx.consents.add(user.id, request.clientId, scopes, nowMs)
    await trx.authorizationCodes.save(hashOfSecret(code), {
      clientId: request.clientId,
      userId: user.id,
      signInId: signIn.id,
      redirectUri: request.redirectUri,
      codeChallenge: request.codeChallenge,
      scopes,
      audience: request.audience,
      nonce: request.nonce,
      authenticatedAtMs: signIn.authenticatedAtMs,
      dpopThumbprint: request.dpopThumbprint,
      expiresAtMs: nowMs + CODE_LIFETIME_MS
    })
    await trx.signIns.touch(
      signIn.id,
      nowMs,
      Math.min(nowMs + server.lifetimes.signIn.idleSeconds * 1000, signIn.absoluteExpiresAtMs)
    )
    await audit(trx, {
      action: 'authorization.grant',
      outcome: 'success',
      subject: user.id,
      clientId: request.clientId,
      resource: { type: 'client', id: request.clientId },
      detail: { scopes: [...scopes], consented }
    })
  })
  return code
}
