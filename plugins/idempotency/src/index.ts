import { recordSecurityEvent, type SecurityEvent } from '@sallyport/security-context'
import { withDeadline } from '@sallyport/security-context/mechanics'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { collectIdempotentRoutes, type RouteIdempotency } from './collect-routes.ts'
import { InProgressError, KeyMissingError, KeyUnclaimedError } from './errors.ts'
import { identifyRequest, type RequestIdentity } from './identify-request.ts'
import { readIdempotencyOptions, type IdempotencyOptions } from './options.ts'
import { parseIdempotencyKey } from './parse-key.ts'
import { pruneIdempotency } from './prune-records.ts'
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
export type { HandlerAnswer } from './keep-answer.ts'
export type { RouteIdempotency } from './collect-routes.ts'
export { idempotencyMigrations } from './migrations.ts'
export { pruneIdempotency } from './prune-records.ts'
export * as errors from './errors.ts'

/** Says that an answer is the repetition of an earlier one. */
const REPLAYED_HEADER = 'idempotent-replayed'

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
  }
}

/**
 * One effect and one answer per `Idempotency-Key`. A repetition is answered with what was stored in the transaction of
 * the effect, after everything that decides whether the caller may; without a record the handler runs, and claims the
 * key. What the records cannot tell is 503.
 * @throws {IdempotencyOptionsError} `SALLYPORT_IDEMPOTENCY_OPTIONS_INVALID`
 * @see draft-ietf-httpapi-idempotency-key-header-06
 */
function idempotency(fastify: FastifyInstance, given: IdempotencyOptions, done: () => void): void {
  const options = readIdempotencyOptions(given)
  const { db, timeoutMs, prune, schedule } = options
  const requests = new WeakMap<FastifyRequest, Idempotency>()
  const keyed = new WeakMap<FastifyRequest, KeyedRequest>()

  fastify.decorateRequest('idempotency', {
    getter(this: FastifyRequest) {
      const own = requests.get(this)
      if (own === undefined)
        {throw idempotencyMisuse('the route declares no config.idempotency, or was added before the plugin')}
      return own
    }
  })

  collectIdempotentRoutes(fastify, async function answerAgain(request, reply) {
    const { 'idempotency-key': header } = request.headers
    if (header === undefined) {
      if (request.routeOptions.config.idempotency === 'required') throw keyRefusal(request, new KeyMissingError())
      requests.set(request, NO_KEY)
      return undefined
    }
    const identity = identify(request, header)
    const record = await lookUp(request, identity)
    if (record?.answer != null) return sendAgain(request, reply, record.answer)
    // Nobody can go on with what says nothing of itself.
    if (record !== null && record.reference === null) throw keyRefusal(request, new InProgressError())
    if (record !== null) report(request, 'success', 'resumed')
    const own = keyedRequest(reply, identity, record?.reference ?? null, options)
    requests.set(request, own)
    keyed.set(request, own)
    return undefined
  })

  function identify(request: FastifyRequest, header: string | string[]): RequestIdentity {
    if (request.principal === null || request.principal === undefined)
      {throw idempotencyMisuse('nobody is known whose key it is')}
    try {
      return identifyRequest(request, request.principal, parseIdempotencyKey(header))
    } catch (error) {
      throw keyRefusal(request, error)
    }
  }

  async function lookUp(request: FastifyRequest, identity: RequestIdentity): Promise<IdempotencyRecord | null> {
    try {
      const found = unavailableOnError(() => withDeadline(findRecord(db, identity, timeoutMs), timeoutMs))
      return checkRecord(await found, identity)
    } catch (error) {
      throw keyRefusal(request, error)
    }
  }

  fastify.addHook('onSend', function refuseUnclaimed(request, reply, payload, next) {
    const isHeeded = keyed.get(request)?.isHeeded() ?? true
    if (isHeeded || reply.statusCode >= 300) next(null, payload)
    else next(new KeyUnclaimedError())
  })

  if (prune !== false) {
    let running: Promise<void> = Promise.resolve()
    let stop = (): void => {}
    const run = async (): Promise<void> => {
      try {
        await pruneIdempotency(db)
      } catch (err) {
        fastify.log.warn({ err }, 'expired idempotency records stay for a later run')
      }
    }
    fastify.addHook('onReady', function startPruning(next) {
      stop = schedule(() => {
        running = run()
        return running
      }, prune.intervalMs).stop
      next()
    })
    fastify.addHook('onClose', async function stopPruning() {
      stop()
      await running
    })
  }
  done()
}

function sendAgain(request: FastifyRequest, reply: FastifyReply, { status, headers, body }: KeptAnswer): FastifyReply {
  report(request, 'success', 'replayed')
  return reply
    .code(status)
    .headers(headers)
    .header(REPLAYED_HEADER, 'true')
    .send(body ?? undefined)
}

/** The reasons of refusals, by code. */
const REASONS: ReadonlyMap<unknown, string> = new Map([
  ['SALLYPORT_IDEMPOTENCY_KEY_MISSING', 'idempotency-key-missing'],
  ['SALLYPORT_IDEMPOTENCY_KEY_INVALID', 'idempotency-key-invalid'],
  ['SALLYPORT_IDEMPOTENCY_BODY_UNSUPPORTED', 'idempotency-body-unsupported'],
  ['SALLYPORT_IDEMPOTENCY_KEY_REUSED', 'idempotency-key-reused'],
  ['SALLYPORT_IDEMPOTENCY_IN_PROGRESS', 'idempotency-in-progress']
])

function keyRefusal(request: FastifyRequest, error: unknown): unknown {
  const reason = error instanceof Error && 'code' in error ? REASONS.get(error.code) : undefined
  if (reason === undefined) report(request, 'failure', 'idempotency-unavailable')
  else report(request, 'denied', reason)
  return error
}

function report(request: FastifyRequest, outcome: SecurityEvent['outcome'], reason: string): void {
  recordSecurityEvent(request, { stage: 'idempotency', outcome, reason })
}

export default fastifyPlugin(idempotency, {
  name: '@sallyport/idempotency',
  fastify: '5.x',
  decorators: { request: ['principal'] }
})
