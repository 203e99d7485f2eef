import auditLog from '@sallyport/audit-log'
import authentication, { parseSealingKeys, processIssuers, protectedResourceOptions } from '@sallyport/authentication'
import authorization, { allOf, role, scope } from '@sallyport/authorization'
import type { LiveSettings } from '@sallyport/configuration'
import forwarding from '@sallyport/forwarding'
import { admitByPriority } from '@sallyport/health'
import metrics from '@sallyport/metrics'
import secureTransport from '@sallyport/secure-transport'
import securityContext, { problemDetails, randomTraceId, TXN_HEADER } from '@sallyport/security-context'
import { oncePerValue } from '@sallyport/security-context/mechanics'
import {
  databaseAndKeys,
  instanceOptions,
  nameTransaction,
  operations,
  operatorRoutes,
  trustedProxyRule,
  versionsInForce
} from '@sallyport/service-process'
import tokenExchange from '@sallyport/token-exchange'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { auditSearch } from './audit-search.ts'
import { auditTail, GATEWAY_TAILS } from './audit-tail.ts'
import { portionOf } from './share-among-workers.ts'
import { edgeTrail, MAY_READ_AUDIT_TRAILS, searchedTrails } from './edge-trail.ts'
import { edgeForwarding, edgeOpenAnswers } from './edge-forwarding.ts'
import edgeLogins from './edge-logins.ts'
import { endOpenAnswers } from './end-open-answers.ts'
import { followRoutes } from './follow-routes.ts'
import { storedSessions } from './open-session-store.ts'
import type { GatewayCollaborators } from './gateway-collaborators.ts'
import { forwardingSubscribers } from './forwarding-subscriber.ts'
import { ownRoutes, partsOfSettings } from './gateway-parts.ts'
import requestHygiene from './hygiene/index.ts'
import { publicEdge } from './public-origins.ts'
import { edgeServerOptions } from './server-options.ts'
import { requestPriority } from './request-priority.ts'
import { securityHeaders } from './security-headers.ts'
import { checkSettings, type GatewaySettings, type settingsSchema } from './settings.ts'

/** The name of this process: in its log, its traces and its audit trail. */
export const PROCESS_NAME = 'reference-gateway'

/**
 * The gateway. Read from top to bottom, this is the path of a request: the gateway finds out who is calling, and the
 * service decides what they may do.
 * @throws {GatewaySettingsError} `SALLYPORT_GATEWAY_SETTINGS_INVALID`
 */
export async function buildApp(
  settings: GatewaySettings,
  collaborators: GatewayCollaborators,
  live?: LiveSettings<Static<typeof settingsSchema>>
): Promise<FastifyInstance> {
  checkSettings(settings)
  const { tokenClient, loginClient, keys, status, introspection, issuerAgent } = collaborators
  const { upstreamAgent, db, tracing, sessionDirectory, sessionStore, tls } = collaborators
  const edgeTls = settings.edgeTls ? tls : undefined
  const { origins, secure, scheme, hosts } = publicEdge(settings)
  const tlsEndsInFront = secure && edgeTls === undefined
  const own = origins === undefined ? {} : { origins }
  const clock = collaborators.clock === undefined ? {} : { clock: collaborators.clock }
  const app = Fastify({
    ...instanceOptions({
      name: PROCESS_NAME,
      settings,
      tls: edgeTls,
      tracing,
      requestIds: 'own',
      tlsEndsInFront,
      asksForCertificates: settings.boundTokens.includes('certificate')
    }),
    ...edgeServerOptions(tlsEndsInFront)
  })

  if (tracing !== undefined) await app.register(tracing.plugin)
  // A trace begins here: the trace headers of strangers are ignored.
  // So does a transaction: the tokens of a caller serve many requests.
  await app.register(securityContext, {
    traceId: tracing?.traceId ?? randomTraceId,
    txn: () => null
  })
  await app.register(nameTransaction)
  await app.register(problemDetails)
  // Load is shed before a request costs anything.
  await app.register(operations, {
    settings,
    live,
    tls,
    checks: {
      ...(db === undefined ? { keys: () => keys.ready() } : databaseAndKeys(db, keys)),
      ...(db !== undefined && {
        audit: async () => {
          await app.auditHealth.check()
        }
      }),
      ...collaborators.checks
    }
  })
  await app.register(secureTransport, { tlsEndsInFront })
  await app.register(requestHygiene, {
    allowedHosts: hosts,
    listenerHost: settings.host,
    scheme,
    trusts: trustedProxyRule(settings.trustedProxies),
    takesUpgrade: request => app.forwarding.takesUpgrade(request)
  })
  await app.register(securityHeaders)
  // What matters less goes first: the file of routes says from when on.
  await app.register(admitByPriority, { limits: () => app.forwarding.shedding(), priorityOf: requestPriority })

  const { clockToleranceSeconds } = settings
  await app.register(metrics, {
    exposeOn: app.operations,
    process: PROCESS_NAME,
    clockToleranceSeconds,
    ...(tracing?.recordedTraceId && { exemplarTraceId: tracing.recordedTraceId })
  })

  // Before a credential is looked at: those that are wrong count too.
  app.addHook('onRequest', function limitSource(request, reply, done) {
    app.forwarding.admitSource(request, reply, done)
  })

  const { sealingKeys } = settings
  const hasSessions = tokenClient !== undefined && sealingKeys !== undefined
  await app.register(authentication, {
    ...processIssuers(
      {
        issuer: settings.issuer,
        audience: settings.audience,
        profile: settings.tokenProfile,
        keys,
        status,
        clockToleranceSeconds
      },
      settings
    ),
    ...(issuerAgent && { dispatcher: issuerAgent }),
    ...(introspection && { introspection }),
    ...protectedResourceOptions({
      ...settings,
      replays: collaborators.proofReplays,
      // Those of the table in use: a reload of the routes is seen.
      scopes: () => app.forwarding.scopes()
    }),
    ...(tokenClient && { basic: { tokenClient, ...own, ...clock } }),
    ...(hasSessions && {
      session: {
        tokenClient,
        keys: oncePerValue(() => live?.current.sealingKeys ?? sealingKeys, parseSealingKeys),
        insecureLoopback: !secure,
        refreshSpread: 0.5,
        ...(sessionStore && { stored: storedSessions(settings, sessionStore) }),
        ...own,
        ...clock
      }
    }),
    ...clock
  })
  await app.register(authorization, {})
  const versions = versionsInForce(app, live)
  if (db !== undefined) await app.register(auditLog, edgeTrail(settings, PROCESS_NAME, { db, versions }))
  await app.register(operatorRoutes, {
    access: allOf(role('ADMIN'), scope('operations')),
    protect: async scope => {
      await scope.register(securityContext, { txn: () => null })
      await scope.register(authentication, { verifier: app.tokenVerifier })
      await scope.register(authorization, {})
    }
  })
  const trails = tokenClient === undefined ? [] : searchedTrails(settings)
  const outgoingHeaders = (request: FastifyRequest): Record<string, string> => ({
    ...tracing?.outgoingHeaders(request),
    'x-forwarded-for': request.ip,
    [TXN_HEADER]: request.txn
  })
  if (tokenClient !== undefined) {
    await app.register(tokenExchange, {
      tokenClient,
      upstreams: Object.fromEntries(trails.map(({ audience, origin }) => [audience, { origin }])),
      upstreamTimeoutMs: settings.upstreamTimeoutMs,
      dispatcher: upstreamAgent,
      outgoingHeaders,
      ...clock
    })
  }
  const openAnswers = edgeOpenAnswers(settings, collaborators, app.tokenVerifier)
  if (db !== undefined) {
    const timeoutMs = settings.upstreamTimeoutMs
    const searched = { process: PROCESS_NAME, trails, access: MAY_READ_AUDIT_TRAILS, timeoutMs }
    await app.register(auditSearch, searched)
    const maxTails = portionOf(GATEWAY_TAILS, settings.workers)
    await app.register(auditTail, { ...searched, dispatcher: upstreamAgent, maxTails, outgoingHeaders, openAnswers })
  }

  if (hasSessions) await app.register(edgeLogins, { settings, live, loginClient, keys, sessionDirectory })
  await app.register(endOpenAnswers, { openAnswers })
  const gatewayRoutes = ownRoutes(partsOfSettings(settings, db !== undefined))
  await app.register(forwarding, edgeForwarding(app, settings, collaborators, { gatewayRoutes, openAnswers }))
  const { routes } = collaborators
  const forwarded = forwardingSubscribers(app, settings, collaborators.table, gatewayRoutes)
  live?.subscribe(forwarded.settings)
  if (routes !== undefined) await app.register(followRoutes, { routes, subscribers: [forwarded.routes] })
  return app
}
