import type { RequestAddresses } from '@sallyport/audit-log'
import type { FastifyRequest } from 'fastify'
import { isIP } from 'node:net'
import { trustedProxyRule } from '@sallyport/service-process'

/** Whom a service believes about the address of the end user. */
export interface ForwardingRules {
  /**
   * OAuth clients that call in the name of a user and pass on the user's address: the edge, and services before this
   * one.
   */
  readonly forwardingCallers: readonly string[]
  /** Addresses and CIDR blocks that such calls come from. */
  readonly trustedProxies: readonly string[]
}

/**
 * Finds where a request comes from: the end user's address in `X-Forwarded-For`, when the token says that a configured
 * client acts and the connection comes from a trusted address; otherwise the TCP peer. The header has one address, the
 * one that the hop before believes, and not a list that a caller could begin.
 *
 * Whoever steals a token of such a client and reaches the service from a trusted address can forge it: without mutual
 * TLS, tokens alone identify hops.
 */
export function endUserAddresses({
  forwardingCallers,
  trustedProxies
}: ForwardingRules): (request: FastifyRequest) => RequestAddresses {
  const trusts = trustedProxyRule(trustedProxies)
  return function addressesOfRequest(request) {
    const peer = request.raw.socket.remoteAddress
    const forwarded = request.headers['x-forwarded-for']
    const actor = request.principal?.actor?.subject
    const isTrusted = actor !== undefined && forwardingCallers.includes(actor) && trusts(peer)
    const believed = isTrusted && typeof forwarded === 'string' && isIP(forwarded) !== 0
    return { source: believed ? forwarded : request.ip, peer }
  }
}
