import type { FastifyInstance } from 'fastify'
import type { AuthorizationServer } from '../authorization-server.ts'
import { authenticateRequest } from '../client-authentication/authenticate-request.ts'
import { introspectToken } from '../introspection/introspect-token.ts'
import { invalidClient } from '../oauth-error.ts'
import { requireParameter } from '../token-endpoint/grant.ts'
import { formOf, type FormRoute } from './oauth-context.ts'

/** `POST /oauth2/introspect`, for confidential clients. @see RFC 7662 §2 */
export function introspectRoute (fastify: FastifyInstance, server: AuthorizationServer): void {
  fastify.post<FormRoute>('/oauth2/introspect', { config: { access: 'public', audit: 'none' } }, async function answerIntrospection (request) {
    const form = formOf(request)
    const { client } = await authenticateRequest(server, { authorization: request.headers.authorization, form })
    if (!client.confidential) throw invalidClient('client-public')
    return await introspectToken(server, client, requireParameter(form, 'token'))
  })
}
