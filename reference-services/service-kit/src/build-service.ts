import auditLog, { auditTrailOptions } from '@sallyport/audit-log'
import authentication, {
  furtherIssuersMistakes,
  processIssuers,
  protectedResourceOptions
} from '@sallyport/authentication'
import authorization, { allOf, role, scope } from '@sallyport/authorization'
import type { LiveSettings } from '@sallyport/configuration'
import idempotency from '@sallyport/idempotency'
import metrics from '@sallyport/metrics'
import secureTransport from '@sallyport/secure-transport'
import securityContext, { problemDetails, requestDeadlines, TXN_HEADER } from '@sallyport/security-context'
import {
  databaseAndKeys,
  nameTransaction,
  operations,
  operatorRoutes,
  versionsInForce
} from '@sallyport/service-process'
import tokenExchange, { type Upstream } from '@sallyport/token-exchange'
import type { ServiceCollaborators } from './service-collaborators.ts'
import { createServiceInstance, type ServiceInstance } from './create-instance.ts'
import { endUserAddresses } from './end-user-address.ts'
import { ServiceSettingsError } from './errors.ts'
import { forwardingTrust } from './forwarding-trust.ts'
import { openApi, serveOpenApi } from './open-api.ts'
import type { ServiceSettings } from './settings.ts'

/** The limits that a service has a use for at each moment, and which settings they are of. */
type LiveLimits = Pick<
  LiveSettings<Pick<ServiceSettings, 'upstreamTimeoutMs' | 'maxEventLoopDelayMs' | 'maxEventLoopUtilization'>>,
  'current' | 'version' | 'state'
>

/** What makes one service different from the others. */
export interface ServiceDefinition {
  /** Audience of its tokens and name in the audit trail, the logs and the metrics. */
  readonly name: string
  readonly settings: ServiceSettings
  /** Those of the settings that change while the service runs. Left out: none does. */
  readonly live?: LiveLimits | undefined
  readonly collaborators: ServiceCollaborators
  /** The services it calls in the caller's name, by audience. */
  readonly upstreams: Readonly<Record<string, Upstream>>
  /** Its routes; each declares `config.access` and `config.audit`. */
  readonly routes: (app: ServiceInstance) => Promise<void>
}

/** Who sees what is inside a process, and changes the level of its log. */
export const mayOperate = allOf(role('ADMIN'), scope('operations'))

/** Who reads the audit trail. */
export const mayReadAuditTrail = allOf(role('ADMIN'), scope('audit:read'))

/** Who reads what the trail says of persons, such as names and addresses. */
export const mayReadPersonalValues = allOf(role('ADMIN'), scope('audit:personal'))

/**
 * A service on the common path; reading this function is reading what a request passes. The instance is not ready yet:
 * the caller calls `listen` or `ready`, which fails when a route declares no access or no audit.
 */
export async function buildService({
  name,
  settings,
  live,
  collaborators,
  upstreams,
  routes
}: ServiceDefinition): Promise<ServiceInstance> {
  const { db, keys, status, issuerAgent, tokenClient, dispatcher, tls, tracing, clock } = collaborators
  const mistakes = furtherIssuersMistakes(settings)
  if (mistakes.length > 0) throw new ServiceSettingsError(mistakes.join('; '))
  const app = createServiceInstance(name, settings, collaborators)
  // One trace through all services: before everything that writes a line or an event.
  if (tracing !== undefined) await app.register(tracing.plugin)
  const trust = forwardingTrust(settings)
  await app.register(securityContext, {
    txn: trust.txn,
    // The line of a request says how long the database took.
    followRequests: true,
    ...(tracing && { traceId: tracing.traceId })
  })
  await app.register(problemDetails)
  // How long the caller waits, and whether it still does: calls of other services keep to it.
  await app.register(requestDeadlines, {})

  // Health and metrics, on a listener that clients of the edge cannot reach. Load is shed before a request costs
  // anything.
  await app.register(operations, {
    settings,
    live,
    tls,
    checks: {
      ...databaseAndKeys(db, keys),
      audit: async () => {
        await app.auditHealth.check()
      },
      ...collaborators.checks
    }
  })

  // Answers are for one caller: no cache keeps them, whatever the route says or forgets.
  app.addHook('onRequest', function keepOutOfCaches(_request, reply, next) {
    void reply.header('cache-control', 'no-store')
    next()
  })

  // Ambiguous requests are refused before anybody interprets them.
  await app.register(secureTransport)

  // Who is calling: a token for exactly this service, of our issuer or another that the settings name.
  const { issuer, clockToleranceSeconds } = settings
  await app.register(authentication, {
    ...processIssuers({ issuer, audience: name, keys, status, clockToleranceSeconds }, settings),
    ...protectedResourceOptions(settings),
    ...(issuerAgent !== undefined && { dispatcher: issuerAgent }),
    ...(clock !== undefined && { clock })
  })

  // What all of this is part of: only now is it known whether the caller may say so.
  await app.register(nameTransaction)

  // What they may do; nothing, unless the route says so.
  await app.register(authorization, { acl: { db } })

  // The description of all routes from here on, with what is enforced.
  await app.register(openApi, { name, issuer: settings.issuer })

  // What they did, or were refused.
  const addresses = endUserAddresses(trust)
  await app.register(auditLog, {
    db,
    process: name,
    route: { path: '/audit', access: mayReadAuditTrail, personalAccess: mayReadPersonalValues },
    unfulfilled: settings.nodeEnv === 'test' ? 'refuse' : 'record',
    lifecycle: settings.nodeEnv !== 'test',
    versions: versionsInForce(app, live),
    ...auditTrailOptions(settings, name),
    addresses
  })

  // What is asked twice under one key is done once.
  await app.register(idempotency, { db })

  // Metrics for operators.
  await app.register(metrics, {
    exposeOn: app.operations,
    process: name,
    clockToleranceSeconds: settings.clockToleranceSeconds,
    ...(tracing?.recordedTraceId && { exemplarTraceId: tracing.recordedTraceId })
  })
  serveOpenApi(app)
  await app.register(operatorRoutes, {
    access: mayOperate,
    protect: async scope => {
      await scope.register(securityContext, { txn: () => null })
      await scope.register(authentication, { verifier: app.tokenVerifier })
      await scope.register(authorization, {})
    }
  })

  // Calls of other services, each with a token of its own, with the address of the end user and the transaction as they
  // are believed here.
  await app.register(tokenExchange, {
    tokenClient,
    upstreams,
    upstreamTimeoutMs: () => (live?.current ?? settings).upstreamTimeoutMs,
    ...(dispatcher !== undefined && { dispatcher }),
    outgoingHeaders: request => ({
      ...tracing?.outgoingHeaders(request),
      'x-forwarded-for': addresses(request).source,
      [TXN_HEADER]: request.txn
    }),
    ...(clock !== undefined && { clock })
  })

  await app.register(async function serviceRoutes(scope) {
    await routes(scope.withTypeProvider())
  })
  return app
}
