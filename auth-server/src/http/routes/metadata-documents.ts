import type { FastifyInstance } from 'fastify'
import type { AuthorizationServer } from '../../protocol/authorization-server.ts'
import { authorizationServerMetadata, metadataPaths } from '../../protocol/metadata/authorization-server-metadata.ts'
import { withMutualTls } from '../../protocol/metadata/mutual-tls-metadata.ts'
import { withOpenId } from '../../protocol/metadata/openid-metadata.ts'
import { freshValue } from '../fresh-value.ts'

const METADATA_FRESHNESS_MS = 5000

/** Both metadata documents, at the root of the origin. @see RFC 8414 §3 */
export function metadataRoutes(
  fastify: FastifyInstance,
  server: Pick<AuthorizationServer, 'store' | 'clock' | 'issuer'>,
  maxAgeSeconds: number,
  mutualTlsOrigin: () => string | null
): void {
  const metadata = freshValue(server.clock, METADATA_FRESHNESS_MS, async () => {
    const [clients, scopes] = await Promise.all([server.store.clients.list(), server.store.scopes.list()])
    const document = withOpenId(
      authorizationServerMetadata(
        server.issuer,
        clients.filter(({ disabledAtMs }) => disabledAtMs === null),
        scopes.filter(({ disabledAtMs }) => disabledAtMs === null).map(({ name }) => name)
      ),
      server.issuer
    )
    const origin = mutualTlsOrigin()
    return origin === null ? document : withMutualTls(document, origin)
  })
  for (const path of metadataPaths(server.issuer)) {
    fastify.get(path, { config: { access: 'public', audit: 'none' } }, async function answerMetadata(_request, reply) {
      void reply.header('cache-control', `public, max-age=${maxAgeSeconds}`)
      return await metadata()
    })
  }
}
