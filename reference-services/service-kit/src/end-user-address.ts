import type { RequestAddresses } from '@sallyport/audit-log'
import type { FastifyRequest } from 'fastify'
import { isIP } from 'node:net'
import type { ForwardingTrust } from './forwarding-trust.ts'

/**
 * Finds where a request comes from: the end user's address in `X-Forwarded-For` where the hop before is believed,
 * otherwise the TCP peer. The header has one address, the one that the hop before believes, and not a list that a
 * caller could begin.
 */
export function endUserAddresses({
  forwards
}: Pick<ForwardingTrust, 'forwards'>): (request: FastifyRequest) => RequestAddresses {
  return function addressesOfRequest(request) {
    const peer = request.raw.socket.remoteAddress
    const forwarded = request.headers['x-forwarded-for']
    const believed = typeof forwarded === 'string' && isIP(forwarded) !== 0 && forwards(request)
    return { source: believed ? forwarded : request.ip, peer }
  }
}
