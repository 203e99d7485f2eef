import { createHash, randomUUID, timingSafeEqual } from 'node:crypto'
import { endSessions } from '../../../accounts/sessions/end-sessions.ts'
import { startSessionWithin, type StartedSession } from '../../../accounts/sessions/start-session.ts'
import { isLiveSignIn } from '../../../accounts/sign-in/start-sign-in.ts'
import { invalidGrant, invalidRequest, refusalsAbout } from '../../../oauth-error.ts'
import type { AuthorizationCode, StoredAuthorizationCode } from '../../../store/records.ts'
import { hashOfSecret } from '../../../tokens/secret-token.ts'
import { isRegistered } from '../../authorize/redirect-uris.ts'
import { PROTOCOL_SCOPES, scopesAtAudience } from '../../narrow-scopes.ts'
import { CONNECTION_PARAMETERS, endUserConnection } from '../end-user-connection.ts'
import { requireParameter, type Grant, type GrantContext, type TokenResponse } from '../grant.ts'
import { answerWithSession } from '../session-tokens.ts'

/** @see RFC 7636 §4.1 */
const VERIFIER_FORM = /^[\w.~-]{43,128}$/

/**
 * Authorization code grant: the code of the right client, from the right redirect URI, with the verifier of its
 * challenge, within its minute and once. A second use ends the session that the first one began.
 * @see RFC 6749 §4.1.3, RFC 7636 §4.6, RFC 9700 §4.5
 */
export const authorizationCodeGrant: Grant = {
  parameters: ['code', 'redirect_uri', 'code_verifier', ...CONNECTION_PARAMETERS],
  confidentialOnly: false,
  advertised: 'always',
  handle: redeemCode
}

async function redeemCode(context: GrantContext): Promise<TokenResponse> {
  const hash = hashOfSecret(requireParameter(context.parameters, 'code'))
  const stored = await context.server.store.authorizationCodes.find(hash)
  if (stored === null) throw invalidGrant('code-unknown')
  return await refusalsAbout({ subject: stored.code.userId }, async () => {
    await refuseUnusableCode(context, stored)
    const started = await useCode(context, stored.code, hash)
    return await answerWithSession(context, {
      ...started,
      scopes: started.session.scopes,
      nonce: stored.code.nonce
    })
  })
}

async function refuseUnusableCode(context: GrantContext, { code, sessionId }: StoredAuthorizationCode): Promise<void> {
  const { server, client, parameters, confirmation } = context
  const verifier = parameters.get('code_verifier')
  if (verifier === undefined || !VERIFIER_FORM.test(verifier)) {
    throw invalidRequest('code-verifier-form', 'The code verifier is missing or not valid')
  }
  if (code.clientId !== client.id) throw invalidGrant('code-foreign')
  if (sessionId !== null) await refuseUsedCode(context, sessionId)
  if (server.clock() >= code.expiresAtMs) throw invalidGrant('code-expired')
  if (parameters.get('redirect_uri') !== code.redirectUri) throw invalidGrant('code-redirect-uri')
  // Taken away while the code was on its way: what came there may not be the client's any more.
  if (!isRegistered(code.redirectUri, client)) throw invalidGrant('code-redirect-uri-removed')
  const challenge = createHash('sha256').update(verifier).digest()
  if (!timingSafeEqual(challenge, Buffer.from(code.codeChallenge, 'base64url'))) {
    throw invalidGrant('code-verifier-wrong')
  }
  if (code.dpopThumbprint !== null && code.dpopThumbprint !== confirmation?.jkt) throw invalidGrant('code-key')
}

/** Somebody else has the code too: what it gave is taken back. @see RFC 6749 §4.1.2 */
async function refuseUsedCode({ server, audit }: GrantContext, sessionId: string): Promise<never> {
  await server.store.transaction(async trx => {
    const ended = await endSessions(trx, { kind: 'session', sessionId }, 'code-reused', server.clock())
    for (const { userId, clientId } of ended) {
      const parties = { subject: userId, clientId, resource: { type: 'session', id: sessionId } }
      await audit(trx, { action: 'session.end', outcome: 'success', reason: 'code-reused', ...parties })
    }
  })
  throw invalidGrant('code-reused')
}

/** Uses the code up and starts its session, both or neither. Of concurrent uses one is first; the others are reuses. */
async function useCode(context: GrantContext, code: AuthorizationCode, hash: Buffer): Promise<StartedSession> {
  const { server } = context
  const connection = endUserConnection(context)
  const { audience } = code
  const sessionId = randomUUID()
  const narrow = await scopesAtAudience(server.store, audience, PROTOCOL_SCOPES)
  const started = await server.store.transaction(async trx => {
    await trx.users.lockForLogin(code.userId)
    const signedIn = await trx.signIns.lockLive(code.signInId)
    if (signedIn === null || !isLiveSignIn(signedIn, server.clock())) throw invalidGrant('sign-in-ended')
    if (!(await trx.authorizationCodes.use(hash, sessionId))) return null
    const { user, signIn } = signedIn
    const scopesFor = (current: typeof user): readonly string[] =>
      narrow(
        code.scopes.filter(scope => context.client.scopes.includes(scope)),
        current.roles
      )
    return await startSessionWithin(trx, context, {
      sessionId,
      user,
      kind: 'login',
      audience,
      connection,
      signIn,
      scopesFor
    })
  })
  if (started !== null) return started
  const winner = await server.store.authorizationCodes.find(hash)
  return await refuseUsedCode(context, winner?.sessionId ?? sessionId)
}
