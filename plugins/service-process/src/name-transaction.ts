import type { FastifyInstance, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { logAborted } from './access-log.ts'
import { placeInTrace, traceFields } from './place-in-trace.ts'
import { requestLogOf } from './request-log.ts'

/** Name of the transaction in the lines of the log. */
const LOG_FIELD = 'txn'

/**
 * Writes the transaction of a request into its lines of the log and into its span, so that it joins logs, traces and
 * audit rows. Register it where the transaction is known: at the edge after the security context, in a service after
 * authentication.
 */
export const nameTransaction = fastifyPlugin(
  async function nameTransaction(fastify: FastifyInstance) {
    fastify.addHook('onRequest', function writeTransaction(request, reply, done) {
      const own = requestLogOf(request)
      if (own === null) {
        const log = request.log.child({ [LOG_FIELD]: request.txn })
        request.log = log
        reply.log = log
      } else own.follow(request, transactionFields)
      const place = placeInTrace(request)
      if (place !== null) place.namesTransaction = true
      done()
    })
    fastify.addHook('onRequestAbort', function writeAborted(request, done) {
      logAborted(request)
      done()
    })
  },
  { name: '@sallyport/name-transaction', fastify: '5.x', decorators: { request: ['txn'] } }
)

function transactionFields(request: FastifyRequest): Readonly<Record<string, string>> {
  return { ...traceFields(request), [LOG_FIELD]: request.txn }
}
