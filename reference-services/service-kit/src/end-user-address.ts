import type { RequestAddresses } from '@sallyport/audit-log'
import type { FastifyRequest } from 'fastify'
import { BlockList, isIP, isIPv6 } from 'node:net'

/** Whom a service believes about the address of the end user. */
export interface ForwardingRules {
  /** OAuth clients that call in a user's name and say where the user is: the edge, and services before this one. */
  readonly forwardingCallers: readonly string[]
  /** Addresses and CIDR blocks that such calls come from. */
  readonly trustedProxies: readonly string[]
}

/**
 * Finds where a request comes from: the end user's address, by `X-Forwarded-For`, when the token says that a configured
 * client acts and the connection comes from a trusted address; else the TCP peer. The header holds one address: what
 * one hop says that it believes, not a history that a caller could begin.
 *
 * Whoever steals a token of such a client and reaches the service from a trusted address can forge it: hops are known
 * by their tokens alone until they are mutual.
 */
export function endUserAddresses({
  forwardingCallers,
  trustedProxies
}: ForwardingRules): (request: FastifyRequest) => RequestAddresses {
  const trusted = blockList(trustedProxies)
  return function addressesOfRequest(request) {
    const peer = request.raw.socket.remoteAddress
    const forwarded = request.headers['x-forwarded-for']
    const actor = request.principal?.actor?.subject
    const isTrusted =
      actor !== undefined &&
      forwardingCallers.includes(actor) &&
      peer !== undefined &&
      trusted.check(peer, isIPv6(peer) ? 'ipv6' : 'ipv4')
    const believed = isTrusted && typeof forwarded === 'string' && isIP(forwarded) !== 0
    return { source: believed ? forwarded : request.ip, peer }
  }
}

function blockList(entries: readonly string[]): BlockList {
  const list = new BlockList()
  for (const entry of entries) {
    const [address = '', bits] = entry.split('/', 2)
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return list
}
