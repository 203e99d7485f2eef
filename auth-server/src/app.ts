import { randomBytes } from 'node:crypto'
import cookie from '@fastify/cookie'
import auditLog, { auditTrailOptions } from '@sallyport/audit-log'
import authentication from '@sallyport/authentication'
import authorization from '@sallyport/authorization'
import type { LiveSettings } from '@sallyport/configuration'
import metrics from '@sallyport/metrics'
import secureTransport, { type TlsMaterial } from '@sallyport/secure-transport'
import securityContext, { offerMeasurements, problemDetails } from '@sallyport/security-context'
import type { Schedule } from '@sallyport/security-context/mechanics'
import {
  databaseAnswers,
  instanceOptions,
  nameTransaction,
  operations,
  operatorRoutes,
  versionsInForce,
  type Tracing
} from '@sallyport/service-process'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { hashingMeasurements } from './accounts/passwords/measure-hashing.ts'
import type { KeyAdministration } from './administration/keys.ts'
import { openBackground, type LogoutDelivery } from './background.ts'
import { composeAdministration, composeAuthorizationServer, type AuthServerCollaborators } from './compose.ts'
import { InvalidSettingsError } from './errors.ts'
import { keepOutOfCaches } from './http/keep-out-of-caches.ts'
import { openMutualTls } from './http/mutual-tls/open-mutual-tls.ts'
import { prepareOAuthContext } from './http/oauth-context.ts'
import { OWN_AUDIENCE } from './administration/own-rows.ts'
import { ownTokenVerifier } from './http/own-verifier.ts'
import { preparePageContext } from './http/page-context.ts'
import { auditWriterFor } from './http/audit-writer.ts'
import { serveOwnHosts } from './http/serve-own-hosts.ts'
import { AUDIT_ACCESS, OPERATIONS_ACCESS, PERSONAL_AUDIT_ACCESS } from './http/routes/admin/access.ts'
import { audienceAdminRoutes } from './http/routes/admin/audience-routes.ts'
import { roleAdminRoutes } from './http/routes/admin/role-routes.ts'
import { scopeAdminRoutes } from './http/routes/admin/scope-routes.ts'
import { clientAdminRoutes } from './http/routes/admin/client-routes.ts'
import { keyAdminRoutes } from './http/routes/admin/key-routes.ts'
import { userAdminRoutes } from './http/routes/admin/user-routes.ts'
import { authorizeRoutes } from './http/routes/authorize.ts'
import { endSessionRoutes } from './http/routes/end-session.ts'
import { introspectRoute } from './http/routes/introspect.ts'
import { jwksRoute } from './http/routes/jwks.ts'
import { metadataRoutes } from './http/routes/metadata-documents.ts'
import { pushedRequestRoute } from './http/routes/push-request.ts'
import { revokeRoute } from './http/routes/revoke.ts'
import { allowedApplicationRoutes } from './http/routes/allowed-applications.ts'
import { ownPasswordRoutes } from './http/routes/own-password.ts'
import { ownSessionRoutes } from './http/routes/own-sessions.ts'
import { statusListRoute } from './http/routes/published-status-list.ts'
import { addressesAtTokenEndpoint, tokenRoute } from './http/routes/token.ts'
import { userInfoRoute } from './http/routes/userinfo.ts'
import type { AuthServerSettings } from './settings.ts'

/** What the app is built with. */
export interface AppCollaborators extends AuthServerCollaborators {
  /** Left out: plain HTTP, which is for loopback only. */
  readonly tls?: TlsMaterial
  /** PEM of the authorities for client certificates. Default: those of `tls`. */
  readonly clientCa?: string
  readonly tracing?: Tracing
  /** How clients hear of sessions that ended. */
  readonly logoutDelivery?: LogoutDelivery
  /** When expired rows are removed; a test triggers it itself. */
  readonly housekeepingSchedule?: Schedule
  /** What an effect without an audit row becomes; tests refuse it. */
  readonly unfulfilledAudit?: 'record' | 'refuse'
}

/** The name of this process: in its log, its traces and its audit trail, and the audience of its own resources. */
export const PROCESS_NAME = OWN_AUDIENCE

/** Bytes of a trace id. @see W3C Trace Context §3.2.2.3 */
const TRACE_ID_BYTES = 16

/**
 * The authorization server, ready to listen; reading this function is reading what a request passes. Everything is
 * under the issuer's path, except the RFC 8414 metadata, whose well-known part comes first.
 * @throws {InvalidSettingsError} `SALLYPORT_AUTH_SERVER_SETTINGS_INVALID`
 */
export async function buildApp(
  settings: AuthServerSettings,
  collaborators: AppCollaborators,
  live?: LiveSettings<AuthServerSettings>
): Promise<FastifyInstance> {
  const server = composeAuthorizationServer(settings, {
    report: (err, message) => {
      fastify.log.error(err === null ? {} : { err }, message)
    },
    ...collaborators
  })
  const { connection } = server.store
  if (connection === null && settings.nodeEnv === 'production') {
    throw new InvalidSettingsError('in production the app needs a store with a database, for its audit trail')
  }
  const { tls, tracing } = collaborators
  const prefix = new URL(settings.issuer).pathname.replace(/\/$/, '')
  const tlsEndsInFront = settings.issuer.startsWith('https:') && tls === undefined
  // Never a caller's ids: every caller is a stranger until the grant, and these ids find rows and log lines.
  const fastify: FastifyInstance = Fastify(
    instanceOptions({ name: PROCESS_NAME, settings, tls, tracing, requestIds: 'own', tlsEndsInFront })
  )
  if (tracing !== undefined) await fastify.register(tracing.plugin)
  const ownTraceId = (): string => randomBytes(TRACE_ID_BYTES).toString('hex')
  // Followed, because the line of a request says how long the database took.
  await fastify.register(securityContext, {
    traceId: tracing?.traceId ?? ownTraceId,
    txn: () => null,
    followRequests: true
  })
  await fastify.register(nameTransaction)
  await fastify.register(problemDetails)
  await fastify.register(operations, {
    settings,
    tls,
    checks:
      connection === null
        ? {}
        : {
            database: databaseAnswers(connection),
            // It verifies tokens with its own keys.
            keys: async () => {
              await server.keys.published()
            },
            audit: async () => {
              await fastify.auditHealth.check()
            }
          }
  })
  await fastify.register(secureTransport, { tlsEndsInFront })
  serveOwnHosts(fastify, settings)
  await fastify.register(authentication, {
    verifier: ownTokenVerifier(server.verifyAccessToken),
    dpop: server.dpop.forResources,
    certificateBound: true,
    clock: server.clock
  })
  await fastify.register(authorization, {})
  fastify.decorateRequest('endUser', null)
  if (connection !== null) {
    await fastify.register(auditLog, {
      db: connection,
      addresses: addressesAtTokenEndpoint,
      process: OWN_AUDIENCE,
      route: { path: `${prefix}/audit`, access: AUDIT_ACCESS, personalAccess: PERSONAL_AUDIT_ACCESS },
      lifecycle: settings.nodeEnv !== 'test',
      versions: versionsInForce(fastify, live),
      ...auditTrailOptions(settings, OWN_AUDIENCE),
      ...(collaborators.unfulfilledAudit !== undefined && { unfulfilled: collaborators.unfulfilledAudit })
    })
  }
  offerMeasurements(fastify, hashingMeasurements(server.passwords))
  await fastify.register(metrics, {
    exposeOn: fastify.operations,
    process: OWN_AUDIENCE,
    clockToleranceSeconds: settings.clockToleranceSeconds,
    ...(tracing?.recordedTraceId && { exemplarTraceId: tracing.recordedTraceId })
  })
  await fastify.register(operatorRoutes, {
    access: OPERATIONS_ACCESS,
    protect: async scope => {
      await scope.register(securityContext, { txn: () => null })
      await scope.register(authentication, { verifier: fastify.tokenVerifier })
      await scope.register(authorization, {})
    }
  })

  const mutualTlsOrigin = openMutualTls(fastify, settings, collaborators)
  await fastify.register(async function metadataDocuments(scope) {
    metadataRoutes(scope, server, settings.jwksMaxAgeSeconds, mutualTlsOrigin)
  })
  await fastify.register(
    async function publicDocuments(scope) {
      jwksRoute(scope, server, settings.jwksMaxAgeSeconds)
      statusListRoute(scope, server)
    },
    { prefix }
  )
  await fastify.register(
    async function pages(scope) {
      await scope.register(cookie)
      preparePageContext(scope, settings.issuer)
      authorizeRoutes(scope, server, prefix)
      endSessionRoutes(scope, server, prefix)
      ownPasswordRoutes(scope, server, prefix)
      allowedApplicationRoutes(scope, server, prefix)
    },
    { prefix }
  )
  await fastify.register(
    async function oauthEndpoints(scope) {
      prepareOAuthContext(scope)
      pushedRequestRoute(scope, server)
      tokenRoute(scope, server)
      revokeRoute(scope, server)
      introspectRoute(scope, server)
    },
    { prefix }
  )
  await fastify.register(
    async function userInfo(scope) {
      userInfoRoute(scope, server)
    },
    { prefix }
  )
  await fastify.register(
    async function ownSessions(scope) {
      keepOutOfCaches(scope)
      ownSessionRoutes(scope, server)
    },
    { prefix }
  )
  await fastify.register(
    async function administration(scope) {
      keepOutOfCaches(scope)
      const administrationOf = (request: FastifyRequest): KeyAdministration =>
        composeAdministration(settings, server, auditWriterFor(request))
      userAdminRoutes(scope, administrationOf)
      audienceAdminRoutes(scope, administrationOf)
      scopeAdminRoutes(scope, administrationOf)
      roleAdminRoutes(scope, administrationOf)
      clientAdminRoutes(scope, administrationOf)
      keyAdminRoutes(scope, administrationOf)
    },
    { prefix }
  )

  openBackground(fastify, server, {
    housekeepingIntervalMs: settings.housekeepingIntervalSeconds * 1000,
    housekeepingSchedule: collaborators.housekeepingSchedule,
    logoutDelivery: { ...(tls !== undefined && { ca: tls.ca }), ...collaborators.logoutDelivery }
  })
  return fastify
}
