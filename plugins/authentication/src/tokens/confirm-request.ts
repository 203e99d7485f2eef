import { createHash } from 'node:crypto'
import { TLSSocket } from 'node:tls'
import type { Clock } from '@sallyport/security-context/mechanics'
import type { FastifyRequest } from 'fastify'
import type { ConfirmBinding } from './confirm-binding.ts'
import { createProofCheck } from '../dpop/check-proof.ts'
import type { ReadDpopOptions } from '../dpop/options.ts'
import { InvalidTokenError } from '../errors.ts'

/** How a token is presented. */
export type TokenScheme = 'bearer' | 'dpop'

/** Makes the confirmation of one request's token. */
export type ConfirmRequest = (request: FastifyRequest, scheme: TokenScheme, accessToken: string) => ConfirmBinding

/** Which proofs are taken. */
export interface ConfirmRequestOptions {
  readonly dpop?: ReadDpopOptions
  readonly certificateBound: boolean
  readonly clock: Clock
}

/**
 * Confirms bound tokens with what the request shows: the certificate of its own TLS connection, and its DPoP proof
 * under the scheme `DPoP`. Every member of `cnf` has to be confirmed, and one that is not known or not configured
 * cannot be.
 * @see RFC 8705 §3, RFC 9449 §7.1, §7.2: a DPoP-bound token is not accepted as a bearer token
 */
export function confirmRequests({ dpop, certificateBound, clock }: ConfirmRequestOptions): ConfirmRequest {
  const checkProof = dpop === undefined ? null : createProofCheck(dpop, clock)

  return (request, scheme, accessToken) =>
    async function confirmBinding(confirmation) {
      const members = Object.keys(confirmation)
      const known = members.filter(
        name => (name === 'x5t#S256' && certificateBound) || (name === 'jkt' && scheme === 'dpop')
      )
      if (members.length === 0 || known.length < members.length) throw new InvalidTokenError('confirmation-unproven')
      if (known.includes('x5t#S256') && !isPeer(request, confirmation['x5t#S256'])) {
        throw new InvalidTokenError('certificate-mismatch')
      }
      if (scheme !== 'dpop') return
      if (checkProof === null || !known.includes('jkt')) throw new InvalidTokenError('token-not-bound')
      await checkProof({
        header: request.headers.dpop,
        method: request.method,
        path: request.originalUrl,
        accessToken,
        thumbprint: confirmation['jkt']
      })
    }
}

/** Whether the connection itself has this certificate, whoever issued it; no header is believed. @see RFC 8705 §3 */
function isPeer({ raw: { socket } }: FastifyRequest, thumbprint: unknown): boolean {
  const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined
  return certificate !== undefined && createHash('sha256').update(certificate.raw).digest('base64url') === thumbprint
}
