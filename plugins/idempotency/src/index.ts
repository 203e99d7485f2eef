import '@sallyport/security-context/require-node'
import { effectiveRoute, recordSecurityEvent, type SecurityEvent } from '@sallyport/security-context'
import { withDeadline } from '@sallyport/security-context/mechanics'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { collectIdempotentRoutes, type RouteIdempotency } from './collect-routes.ts'
import { InProgressError, KeyMissingError, KeyUnclaimedError } from './errors.ts'
import { identifyRequest, type RequestIdentity } from './identify-request.ts'
import { readIdempotencyOptions, type IdempotencyOptions } from './options.ts'
import { parseIdempotencyKey } from './parse-key.ts'
import { pruneWithApp } from './prune-records.ts'
import { findRecord, type IdempotencyRecord, type KeptAnswer } from './record-store.ts'
import {
  checkRecord,
  idempotencyMisuse,
  keyedRequest,
  NO_KEY,
  unavailableOnError,
  type Idempotency,
  type KeyedRequest
} from './request-idempotency.ts'

export type { IdempotencyOptions } from './options.ts'
export type { Idempotency } from './request-idempotency.ts'
export type { IdempotentAnswer } from './keep-answer.ts'
export type { RouteIdempotency } from './collect-routes.ts'
export { idempotencyMigrations } from './migrations.ts'
export { pruneIdempotency } from './prune-records.ts'
export * as errors from './errors.ts'

/** Says that an answer is the repetition of an earlier one. */
const REPLAYED_HEADER = 'idempotent-replayed'

const KEYED = Symbol('sallyport.idempotency.keyed')

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * The route has one effect per `Idempotency-Key`: `required` refuses requests without one. Its handler claims the
     * key in its transaction and stores its answer there.
     */
    idempotency?: RouteIdempotency
  }
  interface FastifyRequest {
    /** The key of this request, on routes that declare `config.idempotency`; elsewhere reading it throws. */
    readonly idempotency: Idempotency
    [KEYED]: KeyedRequest | null
  }
}

/**
 * One effect and one answer per `Idempotency-Key`. A repetition is answered with what was stored in the transaction of
 * the effect, after everything that decides whether the caller may; without a record the handler runs, and claims the
 * key. What the records cannot tell is 503.
 * @throws {IdempotencyOptionsError} `SALLYPORT_IDEMPOTENCY_OPTIONS_INVALID`
 * @see draft-ietf-httpapi-idempotency-key-header-06
 */
async function idempotency(fastify: FastifyInstance, given: IdempotencyOptions): Promise<void> {
  const options = readIdempotencyOptions(given)
  const { db, timeoutMs, prune, schedule } = options

  // A slot of the request and not a weak map: see ADR 12.
  fastify.decorateRequest(KEYED, null)
  fastify.decorateRequest('idempotency', {
    getter(this: FastifyRequest) {
      const own = this[KEYED]
      if (own === null) throw idempotencyMisuse('the route is not known to declare config.idempotency')
      return own
    }
  })

  collectIdempotentRoutes(fastify, async function answerAgain(request, reply) {
    const { 'idempotency-key': header } = request.headers
    if (header === undefined) {
      if (effectiveRoute(request).config.idempotency === 'required') throw new KeyMissingError()
      request[KEYED] = NO_KEY
      return undefined
    }
    const identity = identify(request, header)
    const record = await lookUp(identity)
    if (record?.answer != null) return sendAgain(request, reply, record.answer)
    // Nobody can go on with what says nothing of itself.
    if (record !== null && record.reference === null) throw new InProgressError()
    if (record !== null) recordSecurityEvent(request, { stage: 'idempotency', outcome: 'success', reason: 'resumed' })
    request[KEYED] = keyedRequest(reply, identity, record?.reference ?? null, options)
    return undefined
  })

  function identify(request: FastifyRequest, header: string | string[]): RequestIdentity {
    const { principal }: Partial<Pick<FastifyRequest, 'principal'>> = request
    if (principal == null) throw idempotencyMisuse('nobody is known whose key it is')
    return identifyRequest(request, principal, parseIdempotencyKey(header))
  }

  async function lookUp(identity: RequestIdentity): Promise<IdempotencyRecord | null> {
    const find = (): Promise<IdempotencyRecord | null> => withDeadline(findRecord(db, identity, timeoutMs), timeoutMs)
    return checkRecord(await unavailableOnError(find), identity)
  }

  fastify.addHook('onError', function reportRefusal(request, _reply, error, next) {
    const refusal = REFUSALS_BY_CODE.get(error.code)
    if (refusal !== undefined) recordSecurityEvent(request, { stage: 'idempotency', ...refusal })
    next()
  })

  fastify.addHook('onSend', function refuseUnclaimed(request, reply, payload, next) {
    const isClaimed = request[KEYED]?.isClaimed() ?? true
    if (isClaimed || reply.statusCode >= 300) next(null, payload)
    else next(new KeyUnclaimedError())
  })

  if (prune !== false) pruneWithApp(fastify, db, { ...prune, schedule })
}

function sendAgain(request: FastifyRequest, reply: FastifyReply, { status, headers, body }: KeptAnswer): FastifyReply {
  recordSecurityEvent(request, { stage: 'idempotency', outcome: 'success', reason: 'replayed' })
  return reply
    .code(status)
    .headers(headers)
    .header(REPLAYED_HEADER, 'true')
    .send(body ?? undefined)
}

/** What a refusal is to the audit trail and the metrics, by the code of its error. */
const REFUSALS_BY_CODE: ReadonlyMap<unknown, Pick<SecurityEvent, 'outcome' | 'reason'>> = new Map([
  ['SALLYPORT_IDEMPOTENCY_KEY_MISSING', { outcome: 'denied', reason: 'idempotency-key-missing' }],
  ['SALLYPORT_IDEMPOTENCY_KEY_INVALID', { outcome: 'denied', reason: 'idempotency-key-invalid' }],
  ['SALLYPORT_IDEMPOTENCY_BODY_UNSUPPORTED', { outcome: 'denied', reason: 'idempotency-body-unsupported' }],
  ['SALLYPORT_IDEMPOTENCY_KEY_REUSED', { outcome: 'denied', reason: 'idempotency-key-reused' }],
  ['SALLYPORT_IDEMPOTENCY_IN_PROGRESS', { outcome: 'denied', reason: 'idempotency-in-progress' }],
  ['SALLYPORT_IDEMPOTENCY_UNAVAILABLE', { outcome: 'failure', reason: 'idempotency-unavailable' }]
])

export default fastifyPlugin(idempotency, {
  name: '@sallyport/idempotency',
  fastify: '5.x',
  decorators: { request: ['principal'] }
})
