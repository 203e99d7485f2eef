import { requirePrincipal } from '@sallyport/security-context'
import { sendPage } from '@sallyport/security-context/pages'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { asksForPage } from '../login/page-request.ts'
import type { LoginFacts } from './pairing.ts'
import { sessionPage, type SessionPaths, type ShownSession } from './session-pages.ts'

/** Makes the handler of `GET /session`. */
export function createShowSession(paths: () => SessionPaths) {
  return async function showSession(request: FastifyRequest, reply: FastifyReply) {
    const shown = shownSession(request)
    if (!asksForPage(request.method, request.headers)) return shown
    return await sendPage(reply, 200, sessionPage(shown, paths()))
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
