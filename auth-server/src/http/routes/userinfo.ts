import { scope } from '@sallyport/authorization'
import type { FastifyInstance } from 'fastify'
import { InvalidBearerError } from '../../errors.ts'
import type { AuthorizationServer } from '../../protocol/authorization-server.ts'
import { userClaims } from '../../protocol/openid/user-claims.ts'
import { keepOutOfCaches } from '../keep-out-of-caches.ts'
import { sessionTokenVerifier } from '../own-verifier.ts'

const IGNORED_FORM_BYTES = 16 * 1024

/**
 * `GET|POST /oauth2/userinfo`, for an access token of a user's session with the scope `openid`, whatever its audience.
 * The token is taken from the Authorization header only; a form is not looked at.
 * @see OpenID Connect Core 1.0 §5.3, RFC 6750 §2.1
 */
export function userInfoRoute(
  fastify: FastifyInstance,
  server: Pick<AuthorizationServer, 'store' | 'verifyAccessToken'>
): void {
  fastify.removeAllContentTypeParsers()
  fastify.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'buffer', bodyLimit: IGNORED_FORM_BYTES },
    function ignoreForm(_request, _body, done) {
      done(null)
    }
  )
  keepOutOfCaches(fastify)
  fastify.route({
    method: ['GET', 'POST'],
    url: '/oauth2/userinfo',
    config: { access: scope('openid'), audit: 'none', tokenVerifier: sessionTokenVerifier(server.verifyAccessToken) },
    handler: async function answerUserInfo(request) {
      const { principal } = request
      const user = principal === null ? null : await server.store.users.find(principal.subject)
      if (principal === null || user === null) throw new InvalidBearerError()
      return userClaims(user, principal.scopes)
    }
  })
}
