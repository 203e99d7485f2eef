import type { FastifyInstance } from 'fastify'
import { invalidClient } from '../../oauth-error.ts'
import type { AuthorizationServer } from '../../protocol/authorization-server.ts'
import { authenticateClient } from '../../protocol/client-authentication/authenticate-client.ts'
import { clientCertificateOf } from '../../protocol/client-authentication/client-certificate.ts'
import {
  asksForSignedResponse,
  introspectToken,
  signedResponse,
  SIGNED_RESPONSE_TYPE
} from '../../protocol/introspect-token.ts'
import { requireParameter } from '../../protocol/token-endpoint/grant.ts'
import { formOf, type FormRoute } from '../oauth-context.ts'

/** `POST /oauth2/introspect`, for confidential clients. @see RFC 7662 §2, RFC 9701 */
export function introspectRoute(fastify: FastifyInstance, server: AuthorizationServer): void {
  fastify.post<FormRoute>(
    '/oauth2/introspect',
    { config: { access: 'public', audit: 'none' } },
    async function answerIntrospection(request, reply) {
      const form = formOf(request)
      const { client } = await authenticateClient(server, {
        authorization: request.headers.authorization,
        form,
        certificate: clientCertificateOf(request.raw.socket)
      })
      if (!client.confidential) throw invalidClient('client-public')
      const response = await introspectToken(server, client, requireParameter(form, 'token'))
      void reply.header('vary', 'accept')
      if (!asksForSignedResponse(request.headers.accept)) return response
      return await reply.type(SIGNED_RESPONSE_TYPE).send(await signedResponse(server, client, response))
    }
  )
}
