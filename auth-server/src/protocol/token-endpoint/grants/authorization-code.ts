import { createHash, randomUUID, timingSafeEqual } from 'node:crypto'
import { endSessions } from '../../../accounts/sessions/end-sessions.ts'
import { startSession, type StartedSession } from '../../../accounts/sessions/start-session.ts'
import { isLive } from '../../../accounts/sign-in/sign-ins.ts'
import { secondsOf } from '../../../clock.ts'
import { invalidGrant, invalidRequest, refusalsAbout } from '../../../oauth-error.ts'
import type { WriteAudit } from '../../../store/contract.ts'
import type { AuthorizationCode, Client, StoredAuthorizationCode, User } from '../../../store/records.ts'
import { hashOfSecret } from '../../../tokens/secret-token.ts'
import type { AuthorizationServer } from '../../authorization-server.ts'
import { idTokenOf } from '../../openid/id-token.ts'
import { qualifiedScopes } from '../../scopes/grant-scopes.ts'
import { isProtocolScope } from '../../scopes/protocol-scopes.ts'
import { requireParameter, tokenResponse, type GrantRequest, type TokenResponse } from '../grant.ts'

export const name = 'authorization_code'

export const parameters = ['code', 'redirect_uri', 'code_verifier'] as const

/** @see RFC 7636 §4.1 */
const VERIFIER_FORM = /^[\w.~-]{43,128}$/

/**
 * Authorization code grant: the code of the right client, from the right redirect URI, with the verifier of its
 * challenge, within its minute and once. A second use ends the session that the first one began.
 * @see RFC 6749 §4.1.3, RFC 7636 §4.6, RFC 9700 §4.5
 */
export async function handle(server: AuthorizationServer, request: GrantRequest): Promise<TokenResponse> {
  const hash = hashOfSecret(requireParameter(request.parameters, 'code'))
  const stored = await server.store.authorizationCodes.find(hash)
  if (stored === null) throw invalidGrant('code-unknown')
  return await refusalsAbout({ subject: stored.code.userId }, async () => await redeem(server, request, hash, stored))
}

async function redeem(
  server: AuthorizationServer,
  request: GrantRequest,
  hash: Buffer,
  stored: StoredAuthorizationCode
): Promise<TokenResponse> {
  const { client, parameters, connection, audit } = request
  const verifier = parameters.get('code_verifier')
  if (verifier === undefined || !VERIFIER_FORM.test(verifier)) {
    throw invalidRequest('code-verifier-form', 'The code verifier is missing or not valid')
  }
  const code = await usableCode(server, client, stored, audit)
  refuseCode(server, code, parameters.get('redirect_uri'), verifier)

  const { session, user, refreshToken } = await useCode(server, client, code, hash, connection, audit)
  const issued = await server.issueAccessToken(client, {
    subject: user.id,
    audience: session.audience,
    scopes: session.scopes,
    roles: user.roles,
    sessionId: session.id,
    status: session.status,
    notAfterSeconds: secondsOf(session.absoluteExpiresAtMs)
  })
  const idToken = await idTokenOf(server, { client, session, user, nonce: code.nonce, accessToken: issued.token })
  return tokenResponse(issued, {
    ...(client.grantTypes.includes('refresh_token') && { refresh_token: refreshToken }),
    ...(idToken !== undefined && { id_token: idToken })
  })
}

async function usableCode(
  server: AuthorizationServer,
  client: Client,
  { code, sessionId }: StoredAuthorizationCode,
  audit: WriteAudit
): Promise<AuthorizationCode> {
  if (code.clientId !== client.id) throw invalidGrant('code-foreign')
  if (sessionId !== null) await refuseUsedCode(server, sessionId, audit)
  if (server.clock() >= code.expiresAtMs) throw invalidGrant('code-expired')
  return code
}

function refuseCode(
  server: AuthorizationServer,
  code: AuthorizationCode,
  redirectUri: string | undefined,
  verifier: string
): void {
  if (redirectUri !== code.redirectUri) throw invalidGrant('code-redirect-uri')
  const challenge = createHash('sha256').update(verifier).digest()
  if (!timingSafeEqual(challenge, Buffer.from(code.codeChallenge, 'base64url'))) {
    throw invalidGrant('code-verifier-wrong')
  }
  if (code.dpopThumbprint !== null && code.dpopThumbprint !== server.confirmation?.jkt) throw invalidGrant('code-key')
}

/** Somebody else has the code: what it gave is taken back. @see RFC 6749 §4.1.2 */
async function refuseUsedCode(server: AuthorizationServer, sessionId: string, audit: WriteAudit): Promise<never> {
  await server.store.transaction(async trx => {
    const ended = await endSessions(trx, { kind: 'session', sessionId }, 'code-reused', server.clock())
    for (const { userId, clientId } of ended) {
      const parties = { subject: userId, clientId, resource: { type: 'session', id: sessionId } }
      await audit(trx, { action: 'session.end', outcome: 'success', reason: 'code-reused', ...parties })
    }
  })
  throw invalidGrant('code-reused')
}

/** Uses the code up and starts its session, both or none; a concurrent use that was first makes this one the second. */
async function useCode(
  server: AuthorizationServer,
  client: Client,
  code: AuthorizationCode,
  hash: Buffer,
  connection: GrantRequest['connection'],
  audit: WriteAudit
): Promise<StartedSession> {
  const sessionId = randomUUID()
  const scopesOfAudience = await server.store.scopes.ofAudience(code.audience)
  const scopesOf = ({ roles }: User): readonly string[] => {
    const qualified = qualifiedScopes(scopesOfAudience, roles)
    return code.scopes.filter(scope => isProtocolScope(scope) || qualified.includes(scope))
  }
  const started = await server.store.transaction(async trx => {
    await trx.users.lockForLogin(code.userId)
    const signedIn = await trx.signIns.lockLive(code.signInId)
    if (signedIn === null || !isLive(signedIn, server.clock())) throw invalidGrant('sign-in-ended')
    if (!(await trx.authorizationCodes.use(hash, sessionId))) return null
    return await startSession(
      { ...server, store: trx },
      {
        sessionId,
        user: signedIn.user,
        client,
        kind: 'login',
        scopesOf,
        audience: code.audience,
        connection,
        signIn: signedIn.signIn
      },
      audit
    )
  })
  if (started !== null) return started
  const winner = await server.store.authorizationCodes.find(hash)
  return await refuseUsedCode(server, winner?.sessionId ?? sessionId, audit)
}
