import type { FastifyRequest } from 'fastify'
import type { RenewToken } from './strategy.ts'

/**
 * What `request.renewAccessToken` does: however many stages of the request ask, the token is renewed once, and the
 * slots
 * `principal` and `accessToken` hold what came of it. A token of somebody else is never taken.
 */
export function renewOnce (request: FastifyRequest, renew: RenewToken): () => Promise<string | null> {
  let renewed: Promise<string | null> | null = null
  return async function renewAccessToken () {
    renewed ??= renewNow(request, renew)
    return await renewed
  }
}

async function renewNow (request: FastifyRequest, renew: RenewToken): Promise<string | null> {
  const { principal, accessToken } = request
  if (principal === null || accessToken === null) return null
  const verified = await renew(accessToken)
  if (verified === null || verified.principal.subject !== principal.subject) return null
  request.principal = verified.principal
  request.accessToken = verified.accessToken
  return verified.accessToken
}
