import type { FastifyInstance, preHandlerAsyncHookHandler, RouteOptions } from 'fastify'
import { IdempotencyRoutesError } from './errors.ts'

/** What a route declares: whether a request without key is refused or served as ever. */
export type RouteIdempotency = 'required' | 'optional'

const METHODS_WITH_EFFECT: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])

/**
 * Lets every route that declares `config.idempotency` answer repetitions itself, as the last of its preHandlers: after
 * validation and after everything that decides whether this caller may. Refuses the boot for declarations that cannot
 * work; the error lists all.
 */
export function collectIdempotentRoutes(fastify: FastifyInstance, answerAgain: preHandlerAsyncHookHandler): void {
  const mistakes = new Set<string>()

  fastify.addHook('onRoute', function addLastPreHandler(route: RouteOptions) {
    const declared: unknown = route.config?.idempotency
    if (declared === undefined || route.config === undefined) return
    for (const method of [route.method].flat()) {
      const name = `${method} ${route.url}`
      if (declared !== 'required' && declared !== 'optional') mistakes.add(`${name}: it is required or optional`)
      if (!METHODS_WITH_EFFECT.has(method)) mistakes.add(`${name}: a ${method} has no effect to repeat`)
      if (route.config.access === 'public') mistakes.add(`${name}: a public route has nobody whose key it is`)
    }
    route.preHandler = [...[route.preHandler ?? []].flat(), answerAgain]
  })

  fastify.addHook('onReady', function refuseInvalidRoutes(done) {
    done(mistakes.size === 0 ? undefined : new IdempotencyRoutesError([...mistakes].sort().join('; ')))
  })
}
