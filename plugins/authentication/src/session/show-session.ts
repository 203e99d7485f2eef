import { requirePrincipal } from '@sallyport/security-context'
import { formTargetOf, sendPage } from '@sallyport/security-context/pages'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { asksForPage } from '../login/page-request.ts'
import { readerLanguage } from '../pages/authentication-texts.ts'
import type { LoginFacts } from './pairing.ts'
import type { SessionCore } from './session-core.ts'
import { sessionPage, type SessionPaths, type ShownSession } from './session-pages.ts'

/** Makes the handler of `GET /session`. */
export function createShowSession({ login }: Pick<SessionCore, 'login'>, paths: () => SessionPaths) {
  return async function showSession(request: FastifyRequest, reply: FastifyReply) {
    const shown = shownSession(request)
    if (!asksForPage(request.method, request.headers)) return shown
    // Its form leads on to the issuer, which browsers allow only where the page has said so.
    const isOfIssuer = shown.login?.method === 'issuer'
    const leaving = isOfIssuer ? await login.leave?.(request, { returnTo: undefined, idToken: null }) : null
    const formTarget = leaving == null ? null : formTargetOf(leaving)
    return await sendPage(reply, 200, sessionPage(shown, paths(), readerLanguage(request)), formTarget)
  }
}

function shownSession(request: FastifyRequest): ShownSession {
  const { subject, roles, scopes, expiresAtSeconds, sessionId, claims } = requirePrincipal(request)
  const { loginFacts, storedSession } = request
  const names = [claims.preferred_username, claims.username, loginFacts?.username]
  const username = names.find(name => typeof name === 'string')
  return {
    subject,
    ...(username !== undefined && { username }),
    roles,
    scopes,
    expiresAtSeconds,
    ...(storedSession != null && { sessionExpiresAtSeconds: Math.floor(storedSession.expiresAtMs / 1000) }),
    sessionId,
    ...(loginFacts !== null && { login: lastingLogin(loginFacts) })
  }
}

const lastingLogin = ({ method, authenticatedAtSeconds, acr, amr }: LoginFacts): Omit<LoginFacts, 'username'> => ({
  method,
  authenticatedAtSeconds,
  acr,
  amr
})
