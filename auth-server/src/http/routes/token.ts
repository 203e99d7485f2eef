import { recordSecurityEvent } from '@sallyport/security-context'
import type { FastifyInstance } from 'fastify'
import type { AuthorizationServer } from '../../protocol/authorization-server.ts'
import { clientCertificateOf } from '../../protocol/client-authentication/client-certificate.ts'
import { answerTokenRequest } from '../../protocol/token-endpoint/answer-token-request.ts'
import { shortUserAgent } from '../../protocol/token-endpoint/end-user-connection.ts'
import { formOf, type FormRoute } from '../oauth-context.ts'
import { auditWriterFor, effectAuditorFor } from '../audit-writer.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The end user's address, as a client told it that is believed; `null` until then. */
    endUserAddress: string | null
  }
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
        noteEndUser: address => {
          request.endUserAddress = address
        }
      })
      recordSecurityEvent(request, { stage: 'grant', outcome: 'success', reason: 'token-issued' })
      return response
    }
  )
}
