import './require-node.ts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { followRequests } from './context.ts'
import { EFFECTIVE_ROUTE_SLOT } from './effective-route.ts'
import type { DpopKey } from './collaborators.ts'
import type { SecurityEvent } from './events.ts'
import type { KnownCaller } from './known-caller.ts'
import type { Measurement } from './measurements.ts'
import type { Principal } from './principal.ts'
import type { RequestDeadline } from './request-deadline.ts'
import { clientRequestId, newTxn, REQUEST_ID_HEADER, tokenTxn } from './request-ids.ts'
import { SPENT_TIMES_SLOT } from './spent-times.ts'
import { traceIdOf } from './trace.ts'

export { LONGEST_ACTOR_CHAIN, type Actor, type AppClaims, type Principal } from './principal.ts'
export type { Policy, Resource, RouteAccess, RouteAudit } from './route-access.ts'
export { namedScopes } from './named-scopes.ts'
export {
  isSecurityEffect,
  recordSecurityEvent,
  SECURITY_STAGES,
  securityEventsOf,
  type SecurityEvent,
  type SecurityOutcome,
  type SecurityStage,
  type SecurityStageTraits
} from './events.ts'
export type {
  EndUserConnection,
  KeySource,
  DpopKey,
  LoginClient,
  LoginIssuer,
  LoginTokens,
  ProofTarget,
  SessionDirectory,
  SessionSummary,
  StatusReference,
  StatusSource,
  TokenClient,
  TokenClientErrorCode,
  TokenSet,
  VerificationKey
} from './collaborators.ts'
export type { KnownCaller } from './known-caller.ts'
export type { AuditEvent, AuditSink } from './audit-event.ts'
export type { StepUp } from './step-up.ts'
export { callTogether, type CallTogether } from './call-together.ts'
export { currentPrincipal, currentRequest, followedRequest, outsideRequests } from './context.ts'
export { beginWait, countWait, endWait, spentTimesOf, type AwaitedPart } from './spent-times.ts'
export { routesOfApp, type AppRoute } from './app-routes.ts'
export { effectiveRoute, type EffectiveRoute } from './effective-route.ts'
export { declarationMistakes, type FindDeclarationMistakes } from './declaration-mistakes.ts'
export {
  declareRoutes,
  requireRouteDeclaration,
  type DeclarationKey,
  type RoutesDeclaration
} from './route-declarations.ts'
export { clientRequestId, newTxn, REQUEST_ID_HEADER, statedTxn, tokenTxn, TXN_HEADER } from './request-ids.ts'
export {
  requestDeadlines,
  statedTimeoutMs,
  TIMEOUT_HEADER,
  type RequestDeadline,
  type RequestDeadlineOptions
} from './request-deadline.ts'
export { randomSpanId, randomTraceId } from './random-ids.ts'
export { traceIdOf } from './trace.ts'
export { requirePrincipal } from './require-principal.ts'
export { logRefusal } from './log-refusal.ts'
export {
  measurementsOf,
  offerMeasurements,
  type LabelledValue,
  type MeasuredValue,
  type Measurement
} from './measurements.ts'
export {
  declareHeadHooks,
  headHook,
  headHooksOfRoutes,
  runHeadHooks,
  type HeadPayload,
  type SendHook
} from './head-hooks.ts'
export { problemDetails, type ProblemDetails } from './problem-details.ts'
export type { ValidationProblem } from './validation-problems.ts'
export { isStorageOutage, storageOutage, STORAGE_RETRY_AFTER_SECONDS, type StorageOutage } from './storage-outage.ts'
export * as errors from './errors.ts'

/** Options of the security context plugin. */
export interface SecurityContextOptions {
  /**
   * The trace id of a request, 32 hexadecimal digits. Default: from the `traceparent` header, else random.
   * An app with a tracer passes the id of the tracer's active span.
   */
  readonly traceId?: (request: FastifyRequest) => string
  /**
   * The transaction that a request belongs to, where it can be believed; `null` for a request that begins one of its
   * own. Asked whenever `request.txn` is read, so it may look at the principal. Default: the claim `txn` of the
   * caller's token. Where callers come from outside, `() => null`: a token serves many requests.
   */
  readonly txn?: (request: FastifyRequest) => string | null
  /**
   * Whether {@link currentPrincipal} and {@link currentRequest} find the request of the code. Costs every request
   * an asynchronous context, so only an app that reads it asks for it.
   * @default false
   */
  readonly followRequests?: boolean
}

declare module 'fastify' {
  interface FastifyInstance {
    /** What operators may watch of this app; appended to by `offerMeasurements`. */
    measurements: Measurement[]
  }
  interface FastifyRequest {
    /** Who is calling; `null` until a stage has authenticated the caller. */
    principal: Principal | null
    /** The access token under which `principal` was accepted: the subject token of an exchange. Never log it. */
    accessToken: string | null
    /**
     * Puts a new access token in place of one that the issuer refuses though it looked good here: its roles changed,
     * its key was withdrawn. Renews once per request, whoever asks, and sets `principal` and `accessToken`. Resolves
     * with the new token, or with `null` when the caller has to authenticate anew; rejects when nobody can tell (429,
     * 503). The slot is `null` where the caller brought the token.
     */
    renewAccessToken: (() => Promise<string | null>) | null
    /**
     * The key of this process that `accessToken` is bound to: whoever sends that token on proves it. `null` where it is
     * bound to nothing, or to a key of the caller's.
     */
    dpopKey: DpopKey | null
    /**
     * What is remembered of the caller. `null` where nothing is: a public route, a strategy or a verifier of the app
     * that remembers nobody.
     */
    knownCaller: KnownCaller | null
    /**
     * Exchanges the caller's access token for one with this audience; cached until shortly before it expires. Added by
     * token exchange. Rejects with `SALLYPORT_TOKEN_*` codes. @see RFC 8693 §2.1
     */
    exchangeToken: (audience: string, scope?: string) => Promise<string>
    /**
     * The token that `exchangeToken` has cached for this caller, at once; `null` when it is to be asked, because
     * nothing is cached or because nobody can tell without work. Added by token exchange.
     */
    knownExchangedToken: (audience: string, scope?: string) => string | null
    /** Forgets a cached exchanged token: its audience refused it. Added by token exchange. */
    dropExchangedToken: (audience: string, scope?: string) => void
    /** What the stages of this request found out, oldest first; appended to by `recordSecurityEvent`. */
    securityEvents: SecurityEvent[]
    /** W3C trace id of this request, 32 hexadecimal digits. */
    traceId: string
    /**
     * What the caller named its request in `X-Request-Id`, bounded and cleaned, where that is not the id of the
     * request. For the log and the audit trail; it identifies nothing.
     */
    clientRequestId: string | null
    /** How long the answer is of use; `null` until its hook has run. Added by {@link requestDeadlines}. */
    deadline: RequestDeadline | null
    /** The transaction: one id for everything that one external request causes, in all services. */
    readonly txn: string
    /** The transaction that this request began; `null` until somebody asks for it. Of this plugin alone. */
    begunTxn: string | null
  }
}

const REQUEST_SLOTS = [
  'principal',
  'accessToken',
  'renewAccessToken',
  'dpopKey',
  'knownCaller',
  'securityEvents',
  'traceId',
  'clientRequestId'
] as const

/**
 * The contract between the plugins: adds the request slots `principal`, `accessToken`, `renewAccessToken`, `dpopKey`,
 * `knownCaller`, `securityEvents`, `traceId`, `clientRequestId` and `txn`, names every answer with the id of its
 * request (`X-Request-Id`), and makes the request reachable from deep code ({@link currentPrincipal}). Register it
 * first.
 * A slot that the app decorated itself is left as it is.
 */
function securityContext(fastify: FastifyInstance, options: SecurityContextOptions, done: () => void): void {
  const traceId = options.traceId ?? (request => traceIdOf(request.headers.traceparent))
  const believedTxn = options.txn ?? tokenTxn
  const follow = options.followRequests === true ? followRequests() : null
  const own = REQUEST_SLOTS.filter(slot => !fastify.hasRequestDecorator(slot))
  if (own.includes('principal')) fastify.decorateRequest('principal', null)
  if (own.includes('accessToken')) fastify.decorateRequest('accessToken', null)
  if (own.includes('renewAccessToken')) fastify.decorateRequest('renewAccessToken', null)
  if (own.includes('dpopKey')) fastify.decorateRequest('dpopKey', null)
  if (own.includes('knownCaller')) fastify.decorateRequest('knownCaller', null)
  if (own.includes('securityEvents')) fastify.decorateRequest('securityEvents')
  if (own.includes('traceId')) fastify.decorateRequest('traceId', '')
  if (own.includes('clientRequestId')) fastify.decorateRequest('clientRequestId', null)
  if (!fastify.hasRequestDecorator(EFFECTIVE_ROUTE_SLOT)) fastify.decorateRequest(EFFECTIVE_ROUTE_SLOT, null)
  if (!fastify.hasRequestDecorator(SPENT_TIMES_SLOT)) fastify.decorateRequest(SPENT_TIMES_SLOT, null)
  if (!fastify.hasDecorator('measurements')) fastify.decorate('measurements', [])
  if (!fastify.hasRequestDecorator('txn')) {
    fastify.decorateRequest('begunTxn', null)
    fastify.decorateRequest('txn', {
      getter(this: FastifyRequest) {
        return believedTxn(this) ?? (this.begunTxn ??= newTxn())
      }
    })
  }

  fastify.addHook('onRequest', function openSecurityContext(request, reply, next) {
    request.securityEvents = []
    request.traceId = traceId(request)
    request.clientRequestId = clientRequestId(request)
    void reply.header(REQUEST_ID_HEADER, request.id)
    if (follow === null) next()
    else follow(request, next)
  })
  done()
}

export default fastifyPlugin(securityContext, { name: '@sallyport/security-context', fastify: '5.x' })
