import type { AddressInfo } from 'node:net'
import type { SecurityEvent } from '@sallyport/security-context'
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import type { Test } from 'tap'

/** One form that the token or revocation endpoint received. */
export interface ReceivedForm {
  readonly path: string
  readonly authorization: string | undefined
  readonly form: URLSearchParams
}

export interface AuthorizationServer {
  readonly issuer: string
  readonly received: ReceivedForm[]
  /** What the endpoints answer next; a test replaces it. */
  answer: (form: ReceivedForm, reply: FastifyReply) => unknown
}

export const TOKEN_ANSWER = {
  access_token: 'issued-token',
  token_type: 'Bearer',
  expires_in: 300,
  issued_token_type: 'urn:ietf:params:oauth:token-type:access_token'
} as const

/** A listening Fastify server in the role of the authorization server. */
export async function authorizationServer(t: Test): Promise<AuthorizationServer> {
  const app = Fastify({ forceCloseConnections: true })
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
    done(null, new URLSearchParams(body.toString()))
  )
  const issuer = await listen(t, app, app => {
    for (const path of ['/oauth2/token', '/oauth2/revoke']) {
      app.post(path, (request, reply) => {
        const form = { path, authorization: request.headers.authorization, form: request.body as URLSearchParams }
        server.received.push(form)
        return server.answer(form, reply)
      })
    }
    app.get('/.well-known/oauth-authorization-server', () => metadataDocument(server.issuer))
  })
  const server: AuthorizationServer = { issuer, received: [], answer: () => TOKEN_ANSWER }
  return server
}

export function metadataDocument(issuer: string): Record<string, unknown> {
  return {
    issuer,
    token_endpoint: `${issuer}/oauth2/token`,
    revocation_endpoint: `${issuer}/oauth2/revoke`,
    jwks_uri: `${issuer}/oauth2/jwks`
  }
}

/** Listens on a free loopback port and closes after the test. */
export async function listen(t: Test, app: FastifyInstance, routes: (app: FastifyInstance) => void): Promise<string> {
  routes(app)
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.after(() => app.close())
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
}

/** Events without their detail, as `stage outcome reason`. */
export function summaries(events: readonly SecurityEvent[]): string[] {
  return events.map(({ stage, outcome, reason }) => `${stage} ${outcome} ${reason}`)
}
