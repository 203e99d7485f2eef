import { statedTxn, tokenTxn } from '@sallyport/security-context'
import { trustedProxyRule } from '@sallyport/service-process'
import type { FastifyRequest } from 'fastify'

/** Whom a service believes about what happened before it: where the end user is, and which transaction this is. */
export interface ForwardingRules {
  /** The authorization server that these clients are registered at: elsewhere their names mean somebody else. */
  readonly issuer: string
  /** OAuth clients that call in the name of a user and say so: the edge, and services before this one. */
  readonly forwardingCallers: readonly string[]
  /** Addresses and CIDR blocks that such calls come from. */
  readonly trustedProxies: readonly string[]
}

/** What a service believes of the hop before it. */
export interface ForwardingTrust {
  /** Whether the token says that a configured client acts for a user, and the connection comes from a trusted place. */
  readonly forwards: (request: FastifyRequest) => boolean
  /**
   * The transaction of a request: as its hop states it, when that forwards or calls in its own name; otherwise that of
   * its token, `null` when there is none.
   */
  readonly txn: (request: FastifyRequest) => string | null
}

/**
 * Decides whom to believe. Whoever steals a token of such a client and reaches the service from a trusted address can
 * forge both: without mutual TLS, tokens alone identify hops.
 */
export function forwardingTrust({ issuer, forwardingCallers, trustedProxies }: ForwardingRules): ForwardingTrust {
  const trusts = trustedProxyRule(trustedProxies)

  function comesFromHop(request: FastifyRequest, client: string | null | undefined): boolean {
    const isNamed = typeof client === 'string' && forwardingCallers.includes(client)
    return isNamed && request.principal?.issuer === issuer && trusts(request.raw.socket.remoteAddress)
  }

  const forwards = (request: FastifyRequest): boolean => comesFromHop(request, request.principal?.actor?.subject)
  return {
    forwards,
    txn(request) {
      const believed = forwards(request) || comesFromHop(request, callerInOwnName(request))
      return (believed ? statedTxn(request) : null) ?? tokenTxn(request)
    }
  }
}

/** The client that calls for nobody else: a job of a service. @see RFC 9068 §2.2 */
function callerInOwnName({ principal }: FastifyRequest): string | null {
  return principal !== null && principal.actor === null && principal.subject === principal.clientId
    ? principal.clientId
    : null
}
