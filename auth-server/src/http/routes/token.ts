import type { RequestAddresses } from '@sallyport/audit-log'
import { recordSecurityEvent, type EndUserConnection } from '@sallyport/security-context'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { AuthorizationServer } from '../../protocol/authorization-server.ts'
import { clientCertificateOf } from '../../protocol/client-authentication/client-certificate.ts'
import { answerTokenRequest } from '../../protocol/token-endpoint/answer-token-request.ts'
import { shortUserAgent } from '../../protocol/token-endpoint/end-user-connection.ts'
import { formOf, type FormRoute } from '../oauth-context.ts'
import { auditWriterFor, effectAuditorFor } from '../audit-writer.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * The end user's connection, as a client told it that is believed; `null` until then. A request whose path cannot
     * be decoded does not have it.
     */
    endUser?: EndUserConnection | null
  }
}

/**
 * Where a request came from, for the audit trail: what a client that is believed said of its user. It says nothing of a
 * program that the user did not name, rather than name the client's.
 */
export function addressesAtTokenEndpoint({ endUser, ip, raw }: FastifyRequest): RequestAddresses {
  const peer = raw.socket.remoteAddress
  if (endUser === null || endUser === undefined) return { source: ip, peer }
  return { source: endUser.sourceAddress ?? ip, peer, userAgent: endUser.userAgent ?? null }
}

/** `POST /oauth2/token`. @see RFC 6749 §3.2 */
export function tokenRoute(fastify: FastifyInstance, server: AuthorizationServer): void {
  fastify.post<FormRoute>(
    '/oauth2/token',
    { config: { access: 'public', audit: { action: 'token.issue' } } },
    async function answerToken(request, reply) {
      if (request.headers.dpop !== undefined) void reply.header('dpop-nonce', server.dpop.nonces.current())
      const userAgent = request.headers['user-agent']
      const response = await answerTokenRequest(server, {
        authorization: request.headers.authorization,
        form: formOf(request),
        dpop: request.headers.dpop,
        certificate: clientCertificateOf(request.raw.socket),
        connection: {
          sourceAddress: request.ip,
          ...(userAgent === undefined ? {} : { userAgent: shortUserAgent(userAgent) })
        },
        audit: auditWriterFor(request),
        auditWith: effectAuditorFor(request),
        noteEndUser: connection => {
          request.endUser = connection
        }
      })
      recordSecurityEvent(request, { stage: 'grant', outcome: 'success', reason: 'token-issued' })
      return response
    }
  )
}
