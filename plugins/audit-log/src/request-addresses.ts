import type { FastifyRequest } from 'fastify'

/** Where a request came from. */
export interface RequestAddresses {
  /** The end user's address, as far as it is believed. */
  readonly source: string
  /** The TCP peer's: another hop's, where it differs from the source. */
  readonly peer?: string | null | undefined
  /** What the end user's program calls itself, where that is not the header of this request; `null`: nobody says it. */
  readonly userAgent?: string | null | undefined
}

/** The address of the request, which follows `trustProxy`, and its peer. */
export function ownAddresses(request: FastifyRequest): RequestAddresses {
  return { source: request.ip, peer: request.raw.socket.remoteAddress }
}
