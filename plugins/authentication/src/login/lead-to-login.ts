import { errorStatus } from '@sallyport/security-context/mechanics'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { loginAddress, type LoginEntry } from './login-entry.ts'
import { asksForPage } from './page-request.ts'
import { isReturnPath } from './return-path.ts'

/**
 * Leads whoever is refused for want of a login there: a browser that asks for a page is sent, and comes back; for all
 * others the refusal gets the address. A caller that brought another credential is told of that alone.
 * @returns whether the request is answered
 */
export function leadToLogin(entry: LoginEntry, request: FastifyRequest, reply: FastifyReply, error: unknown): boolean {
  if (entry.path === null || errorStatus(error) !== 401 || request.headers.authorization !== undefined) return false
  if (!asksForPage(request.method, request.headers)) {
    if (error instanceof Error) Object.assign(error, { login: entry.path })
    return false
  }
  const wish = isReturnPath(request.url) ? { returnTo: request.url } : {}
  void reply.header('cache-control', 'no-store').redirect(loginAddress(entry.path, wish), 303)
  return true
}
