import securityContext, { problemDetails, requireRouteDeclaration } from '@sallyport/security-context'
import Fastify, { type FastifyInstance, type FastifyRequest, type FastifyServerOptions } from 'fastify'
import type { KeyAdministration } from './admin/keys.ts'
import { composeAdministration, composeAuthorizationServer, type AuthServerCollaborators } from './compose.ts'
import { requireAdministrator } from './routes/admin/access.ts'
import { clientAdminRoutes } from './routes/admin/clients.ts'
import { keyAdminRoutes } from './routes/admin/keys.ts'
import { userAdminRoutes } from './routes/admin/users.ts'
import { requireBearer } from './routes/bearer.ts'
import { introspectRoute } from './routes/introspect.ts'
import { jwksRoute } from './routes/jwks.ts'
import { metadataRoutes } from './routes/metadata.ts'
import { prepareOAuthContext } from './routes/oauth-context.ts'
import { auditOf } from './routes/request-audit.ts'
import { revokeRoute } from './routes/revoke.ts'
import { sessionRoutes } from './routes/sessions.ts'
import { statusListRoute } from './routes/status-lists.ts'
import { answerStorageOutage } from './routes/storage-outage.ts'
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

  await fastify.register(async function metadataDocuments (scope) {
    answerStorageOutage(scope)
    metadataRoutes(scope, server, settings.jwksMaxAgeSeconds)
  })
  await fastify.register(async function publicDocuments (scope) {
    answerStorageOutage(scope)
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
    answerStorageOutage(scope)
    requireBearer(scope, server)
    sessionRoutes(scope, server)
  }, { prefix })
  await fastify.register(async function administration (scope) {
    answerStorageOutage(scope)
    requireBearer(scope, server)
    requireAdministrator(scope)
    const administrationOf = (request: FastifyRequest): KeyAdministration => composeAdministration(settings, server, auditOf(request))
    userAdminRoutes(scope, administrationOf)
    clientAdminRoutes(scope, administrationOf)
    keyAdminRoutes(scope, administrationOf)
  }, { prefix })
  return fastify
}
