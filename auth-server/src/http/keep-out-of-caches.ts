import type { FastifyInstance } from 'fastify'

/** Makes every answer of this scope one that nobody keeps, refusals too. @see RFC 9111 §5.2.2.5 */
export function keepOutOfCaches(fastify: FastifyInstance): void {
  fastify.addHook('onSend', function keepOutOfCaches(_request, reply, _payload, next) {
    void reply.headers({ 'cache-control': 'no-store', pragma: 'no-cache' })
    next()
  })
}
