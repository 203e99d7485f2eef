import { recordSecurityEvent } from '@sallyport/security-context'
import type { FastifyInstance } from 'fastify'
import { refusalsAbout } from '../../oauth-error.ts'
import type { AuthorizationServer } from '../../protocol/authorization-server.ts'
import { authenticateClient } from '../../protocol/client-authentication/authenticate-client.ts'
import { clientCertificateOf } from '../../protocol/client-authentication/client-certificate.ts'
import { revokeToken } from '../../protocol/revoke-token.ts'
import { requireParameter } from '../../protocol/token-endpoint/grant.ts'
import { formOf, type FormRoute } from '../oauth-context.ts'
import { auditWriterFor } from '../audit-writer.ts'

/** `POST /oauth2/revoke`. @see RFC 7009 §2 */
export function revokeRoute(fastify: FastifyInstance, server: AuthorizationServer): void {
  fastify.post<FormRoute>(
    '/oauth2/revoke',
    { config: { access: 'public', audit: { action: 'token.revoke' } } },
    async function answerRevocation(request, reply) {
      const form = formOf(request)
      const { client } = await authenticateClient(server, {
        authorization: request.headers.authorization,
        form,
        certificate: clientCertificateOf(request.raw.socket)
      })
      const audit = auditWriterFor(request)
      const outcome = await refusalsAbout(
        { clientId: client.id },
        async () => await revokeToken({ server, client, audit }, requireParameter(form, 'token'))
      )
      if (outcome === 'token-not-in-force') {
        const parties = { clientId: client.id, resource: { type: 'client', id: client.id } }
        await audit(server.store, { action: 'token.revoke', outcome: 'success', reason: outcome, ...parties })
      }
      recordSecurityEvent(request, { stage: 'revocation', outcome: 'success', reason: outcome, clientId: client.id })
      // Clients ignore the body, but some insist on being able to parse it. RFC 7009 §2.2
      return await reply.code(200).send({})
    }
  )
}
