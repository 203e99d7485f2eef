import type { FastifyError } from 'fastify'
import { readAuthorization } from './authorization-header.ts'
import { isSallyportError, InvalidTokenError } from './errors.ts'
import { NOT_APPLICABLE, type Strategy, type StrategyResult } from './strategy.ts'
import type { TokenVerifier } from './verify-token.ts'

/** How a strategy for bearer tokens names itself and which tokens are its business. */
export interface BearerStrategyOptions {
  readonly name: string
  /** For the challenge, usually the audience. */
  readonly realm: string
  readonly verifier: TokenVerifier
  /** Whether this strategy decides over a token of this form. */
  readonly isResponsible: (token: string) => boolean
}

/**
 * Takes a token from the Authorization header, and from nowhere else: not from the query, the body or a cookie.
 * @see RFC 6750 §2.1, RFC 9700 §4.3.2
 */
export function createBearerStrategy ({ name, realm, verifier, isResponsible }: BearerStrategyOptions): Strategy {
  const challenge = `Bearer realm="${realm.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`
  const headers = Object.freeze({ 'www-authenticate': `${challenge}, error="invalid_token"` })

  return {
    name,
    challenge,
    authenticate: async function authenticateBearer (request): Promise<StrategyResult> {
      const authorization = readAuthorization(request.raw.rawHeaders)
      if (authorization.kind !== 'credentials' || authorization.scheme !== 'bearer' || !isResponsible(authorization.value)) return NOT_APPLICABLE
      try {
        return { kind: 'accepted', principal: await verifier.verify(authorization.value), accessToken: authorization.value }
      } catch (error) {
        return { kind: 'refused', error: refusalOf(error, headers) }
      }
    }
  }
}

/** Whether a token has the form of a JWT: an opaque token can have two dots too, but does not begin with `{"`. */
export function looksLikeJwt (token: string): boolean {
  return token.startsWith('eyJ') && token.split('.', 4).length === 3
}

/** Errors of the verifier are answers; anything else is a defect and goes on as what it is. */
function refusalOf (error: unknown, headers: Readonly<Record<string, string>>): FastifyError {
  // A new error: requests that shared one verification must not share an error that gets headers of its own.
  if (error instanceof InvalidTokenError) return Object.assign(new InvalidTokenError(error.reason, { cause: error }), { headers })
  if (isSallyportError(error)) return error
  throw error
}
