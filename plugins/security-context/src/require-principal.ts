import type { FastifyRequest } from 'fastify'
import { effectiveRoute } from './effective-route.ts'
import { PrincipalMissingError } from './errors.ts'
import type { Principal } from './principal.ts'

/**
 * Who calls a route that is not public: never `null`, because nobody else gets to the handler.
 * @throws {PrincipalMissingError} `SALLYPORT_CONTEXT_PRINCIPAL_MISSING` (500) where nobody is known: the route is
 * public, or the code runs before authentication. The cause names the route.
 */
export function requirePrincipal(request: FastifyRequest): Principal {
  // In a bare app the slot may not be there at all.
  const { principal }: Partial<Pick<FastifyRequest, 'principal'>> = request
  if (principal !== null && principal !== undefined) return principal
  const route = `${request.method} ${effectiveRoute(request).url || 'unknown'}`
  throw new PrincipalMissingError({ cause: new Error(`${route} asked for its caller, and nobody is known there`) })
}
