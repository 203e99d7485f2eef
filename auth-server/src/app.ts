import securityContext, { problemDetails, requireRouteDeclaration } from '@sallyport/security-context'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { composeAuthorizationServer, type AuthServerCollaborators } from './compose.ts'
import { introspectRoute } from './routes/introspect.ts'
import { jwksRoute } from './routes/jwks.ts'
import { metadataRoutes } from './routes/metadata.ts'
import { prepareOAuthContext } from './routes/oauth-context.ts'
import { revokeRoute } from './routes/revoke.ts'
import { sessionRoutes } from './routes/sessions.ts'
import { statusListRoute } from './routes/status-lists.ts'
import { tokenRoute } from './routes/token.ts'
import type { AuthServerSettings } from './settings.ts'

/** What the app is built with. */
export interface AppCollaborators extends AuthServerCollaborators {
  /** Options of the Fastify instance: TLS, limits, logger. */
  readonly server?: FastifyServerOptions
}

/**
 * The authorization server, ready to listen. Everything is under the issuer's path, except the RFC 8414 metadata, whose
 * well-known part comes first.
 * @throws {InvalidSettingsError} `SALLYPORT_AUTH_SERVER_SETTINGS_INVALID`
 */
export async function buildApp (settings: AuthServerSettings, collaborators: AppCollaborators): Promise<FastifyInstance> {
  const server = composeAuthorizationServer(settings, collaborators)
  const prefix = new URL(settings.issuer).pathname.replace(/\/$/, '')
  const fastify = Fastify({ ...collaborators.server, ajv: { customOptions: { coerceTypes: false, removeAdditional: false } } })

  await fastify.register(securityContext)
  await fastify.register(problemDetails)
  requireRouteDeclaration(fastify, 'access')
  requireRouteDeclaration(fastify, 'audit')

  metadataRoutes(fastify, server, settings.jwksMaxAgeSeconds)
  await fastify.register(async function publicDocuments (scope) {
    jwksRoute(scope, server, settings.jwksMaxAgeSeconds)
    statusListRoute(scope, server)
  }, { prefix })
  await fastify.register(async function oauthEndpoints (scope) {
    prepareOAuthContext(scope)
    tokenRoute(scope, server)
    revokeRoute(scope, server)
    introspectRoute(scope, server)
  }, { prefix })
  await fastify.register(async function ownSessions (scope) {
    sessionRoutes(scope, server)
  }, { prefix })
  return fastify
}
