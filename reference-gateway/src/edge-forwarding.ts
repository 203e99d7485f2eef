import { createIntrospector, type TokenVerifier } from '@sallyport/authentication'
import type { ForwardingOptions, OpenAnswers } from '@sallyport/forwarding'
import { type AppRoute, randomSpanId } from '@sallyport/security-context'
import type { FastifyInstance } from 'fastify'
import type { GatewayCollaborators } from './gateway-collaborators.ts'
import { logInPlaceOfAudit } from './log-in-place-of-audit.ts'
import { publicEdge } from './public-origins.ts'
import { servedTable } from './routes-overlay.ts'
import type { GatewaySettings } from './settings.ts'
import { createOpenAnswers } from './watch-open-answers.ts'

/** What forwarding needs of the rest of the gateway. */
export interface ForwardingSurroundings {
  /** Routes of the gateway itself. */
  readonly gatewayRoutes: readonly AppRoute[]
  readonly openAnswers: OpenAnswers
}

/** How this gateway forwards. */
export function edgeForwarding(
  app: FastifyInstance,
  settings: GatewaySettings,
  { table, upstreamAgent, openUpstream, rateLimitStore, tracing }: GatewayCollaborators,
  { gatewayRoutes, openAnswers }: ForwardingSurroundings
): ForwardingOptions {
  const { origins } = publicEdge(settings)
  return {
    ...servedTable(table, settings, gatewayRoutes),
    dispatcher: upstreamAgent,
    ...(openUpstream && { openUpstream }),
    ...(rateLimitStore && { rateLimitStore }),
    rateLimitProcesses: settings.gatewayProcesses,
    tracingHeaders: request =>
      tracing?.outgoingHeaders(request) ?? {
        traceparent: `00-${request.traceId}-${randomSpanId()}-01`
      },
    edgeAddress: ({ publicHost: host, publicScheme: scheme }) => ({ host, scheme }),
    ...(origins && { origins }),
    auditSink: app.hasDecorator('auditSink') ? app.auditSink : logInPlaceOfAudit(app.log),
    openAnswers
  }
}

/** Watches the answers that are under way, with what decides whether their access is still good. */
export function edgeOpenAnswers(
  { issuer, clockToleranceSeconds }: Pick<GatewaySettings, 'issuer' | 'clockToleranceSeconds'>,
  { keys, status, introspection, schedule, clock }: GatewayCollaborators,
  verifier: TokenVerifier
): OpenAnswers {
  return createOpenAnswers({
    issuer,
    verifier,
    keys,
    ...(status && { status }),
    ...(introspection && { introspector: createIntrospector(introspection) }),
    ...(schedule && { schedule }),
    clockToleranceSeconds,
    ...(clock && { clock })
  })
}
