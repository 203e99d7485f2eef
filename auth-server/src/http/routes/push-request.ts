import type { DpopProof } from '@sallyport/authentication'
import type { FastifyInstance } from 'fastify'
import { invalidRequest, OAuthError, refusalsAbout } from '../../oauth-error.ts'
import type { Form } from '../../parse-form.ts'
import type { AuthorizationServer } from '../../protocol/authorization-server.ts'
import { AuthorizationError } from '../../protocol/authorize/authorization-error.ts'
import { storePushedRequest } from '../../protocol/authorize/resolve-request.ts'
import { readRequest, REQUEST_PARAMETERS, type ReadRequest } from '../../protocol/authorize/read-request.ts'
import { authenticateClient } from '../../protocol/client-authentication/authenticate-client.ts'
import { clientCertificateOf } from '../../protocol/client-authentication/client-certificate.ts'
import type { Client } from '../../store/records.ts'
import { formOf, type FormRoute } from '../oauth-context.ts'
import { auditWriterFor } from '../audit-writer.ts'

/**
 * `POST /oauth2/par`: a client hands its authorization request in, authenticated and out of the browser's sight. @see
 * RFC 9126 §2
 */
export function pushedRequestRoute(fastify: FastifyInstance, server: AuthorizationServer): void {
  fastify.post<FormRoute>(
    '/oauth2/par',
    { config: { access: 'public', audit: { action: 'authorization.push' } } },
    async function answerPushedRequest(request, reply) {
      const form = formOf(request)
      const proofHeader = request.headers.dpop
      if (proofHeader !== undefined) void reply.header('dpop-nonce', server.dpop.nonces.current())
      const proof = proofHeader === undefined ? null : server.dpop.verify(proofHeader, 'par')
      const { client } = await authenticateClient(server, {
        authorization: request.headers.authorization,
        form,
        certificate: clientCertificateOf(request.raw.socket)
      })
      const { requestUri, expiresInSeconds } = await refusalsAbout({ clientId: client.id }, async () => {
        if (proof !== null) await server.dpop.useUp(proof)
        const parameters = pushedParameters(client, form, proof)
        await readPushedRequest(server, parameters)
        return await storePushedRequest(server, client.id, parameters)
      })
      const parties = { clientId: client.id, resource: { type: 'client', id: client.id } }
      await auditWriterFor(request)(server.store, { action: 'authorization.push', outcome: 'success', ...parties })
      return await reply.code(201).send({ request_uri: requestUri, expires_in: expiresInSeconds })
    }
  )
}

/** What is stored: what counts of the form, in the name of the client that has proven who it is. */
function pushedParameters(client: Client, form: Form, proof: DpopProof | null): Map<string, string> {
  if (form.has('request_uri')) throw invalidRequest('request-uri', 'A pushed request has no request_uri')
  if (proof !== null && (form.get('dpop_jkt') ?? proof.thumbprint) !== proof.thumbprint) {
    throw invalidRequest('dpop-thumbprint', 'dpop_jkt is not the key of the proof')
  }
  const parameters = new Map([...form].filter(([name]) => REQUEST_PARAMETERS.has(name)))
  parameters.set('client_id', client.id)
  if (proof !== null) parameters.set('dpop_jkt', proof.thumbprint)
  return parameters
}

/** The same checks as at the authorization endpoint, answered to the client directly. @see RFC 9126 §2.3 */
async function readPushedRequest(server: AuthorizationServer, parameters: Form): Promise<ReadRequest> {
  try {
    return await readRequest(server, parameters, 'pushed')
  } catch (error) {
    if (!(error instanceof AuthorizationError)) throw error
    const code =
      error.error === 'access_denied' || error.error === 'login_required' || error.error === 'consent_required'
        ? 'invalid_request'
        : error.error
    throw new OAuthError(code, error.reason, error.message).about(error.parties)
  }
}
