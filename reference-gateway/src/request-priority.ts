import { effectiveRoute } from '@sallyport/security-context'
import type { RequestPriority } from '@sallyport/health'
import type { FastifyRequest } from 'fastify'

/** Own routes without which nobody gets in, stays in, or gets out. They have limits of their own. */
const LOGIN_ROUTES: readonly string[] = [
  '/login',
  '/login/callback',
  '/logout',
  '/logout/callback',
  '/session',
  '/session/refresh'
]
const READING_METHODS: readonly string[] = ['GET', 'HEAD', 'OPTIONS']

/** What a request is worth while the gateway cannot serve everything: logins, then reads, then the rest. */
export function requestPriority(request: FastifyRequest): RequestPriority {
  const { url } = effectiveRoute(request)
  if (LOGIN_ROUTES.includes(url)) return 'login'
  return READING_METHODS.includes(request.method) ? 'read' : 'write'
}
