import type { FastifyInstance } from 'fastify'
import type { AuthorizationServer } from '../../protocol/authorization-server.ts'
import { jsonWebKeySet } from '../../tokens/keys/json-web-key-set.ts'

/** `GET /oauth2/jwks`. @param maxAgeSeconds how long verifiers may keep the answer @see RFC 7517 §5 */
export function jwksRoute(
  fastify: FastifyInstance,
  server: Pick<AuthorizationServer, 'keys'>,
  maxAgeSeconds: number
): void {
  fastify.get(
    '/oauth2/jwks',
    { config: { access: 'public', audit: 'none' } },
    async function answerJwks(_request, reply) {
      void reply.header('cache-control', `public, max-age=${maxAgeSeconds}`).type('application/jwk-set+json')
      return JSON.stringify(jsonWebKeySet(await server.keys.published()))
    }
  )
}
