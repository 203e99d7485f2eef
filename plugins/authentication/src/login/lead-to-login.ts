import type { StepUp } from '@sallyport/security-context'
import { errorStatus } from '@sallyport/security-context/mechanics'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { InsufficientAuthenticationError } from '../errors.ts'
import { loginAddress, type LoginEntry, type LoginWish } from './login-entry.ts'
import { asksForPage } from './page-request.ts'
import { isReturnPath } from './return-path.ts'

/**
 * Leads whoever is refused for want of a login there: a browser that asks for a page is sent, and comes back; for all
 * others the refusal gets the address. A caller that brought another credential is told of that alone.
 * @returns whether the request is answered
 */
export function leadToLogin(entry: LoginEntry, request: FastifyRequest, reply: FastifyReply, error: unknown): boolean {
  if (entry.path === null || errorStatus(error) !== 401 || request.headers.authorization !== undefined) return false
  const wish = error instanceof InsufficientAuthenticationError ? wishOf(error.stepUp) : {}
  if (!asksForPage(request.method, request.headers)) {
    if (error instanceof Error) Object.assign(error, { login: loginAddress(entry.path, wish) })
    return false
  }
  const address = loginAddress(entry.path, isReturnPath(request.url) ? { ...wish, returnTo: request.url } : wish)
  void reply.header('cache-control', 'no-store').redirect(address, 303)
  return true
}

const wishOf = ({ maxAgeSeconds, acr }: StepUp): LoginWish => ({ maxAgeSeconds, acrValues: acr })
