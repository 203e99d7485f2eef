import { effectiveRoute } from '@sallyport/security-context'
import { sourceOf } from '@sallyport/security-context/mechanics'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import type { PresentedAuthorization } from '../authorization-header.ts'
import type { ConfirmRequest, TokenScheme } from './confirm-request.ts'
import type { DpopNonces } from '../dpop/nonces.ts'
import { InvalidProofError, InvalidTokenError, isSallyportError } from '../errors.ts'
import { NOT_APPLICABLE, type Strategy, type StrategyResult } from '../strategy.ts'
import { recallToken, verifiedToken } from './verified-token.ts'
import type { TokenVerifier } from './verify-token.ts'

/** Which tokens are a strategy's business, and who verifies them. */
export interface TokenStrategyOptions {
  readonly scheme: TokenScheme
  /** For the challenge, usually the audience. */
  readonly realm: string
  /** For routes that name none of their own. */
  readonly verifier: TokenVerifier
  /** Where the metadata of this service is, for the challenge; left out: nowhere. @see RFC 9728 §5.1 */
  readonly resourceMetadataUri?: string
  /** Confirms what a token is bound to. */
  readonly confirm: ConfirmRequest
  /** Algorithms of proofs, for the challenge of DPoP. */
  readonly algorithms: readonly string[]
  /** Sent with every refusal under DPoP, so that the next proof can carry one. */
  readonly nonces?: DpopNonces
  /** Whether this strategy decides over a token of this form. */
  readonly isResponsible: (token: string) => boolean
}

/**
 * Takes a token from the Authorization header, and from nowhere else: not from the query, the body or a cookie. Under
 * the scheme `DPoP` the token must be bound to a DPoP key, under `Bearer` it must not.
 * @see RFC 6750 §2.1, RFC 9700 §4.3.2, RFC 9449 §7.1
 */
export function createTokenStrategy(options: TokenStrategyOptions): Omit<Strategy, 'name'> {
  const { scheme, verifier, isResponsible, confirm } = options
  const challenge = challengeOf(options)

  /** A token that is bound to nothing and known needs no more than the look-up: a bound one is proved each time. */
  function authenticate(
    request: FastifyRequest,
    _reply: FastifyReply,
    authorization: PresentedAuthorization
  ): StrategyResult | Promise<StrategyResult> {
    if (authorization.kind !== 'credentials' || authorization.scheme !== scheme) return NOT_APPLICABLE
    const token = authorization.value
    if (!isResponsible(token)) return NOT_APPLICABLE
    const inCharge = effectiveRoute(request).config.tokenVerifier ?? verifier
    const caller = scheme === 'bearer' ? recallToken(inCharge, token) : null
    if (caller === null || Object.hasOwn(caller.principal.claims, 'cnf')) return verifyToken(request, inCharge, token)
    return { kind: 'accepted', principal: caller.principal, accessToken: caller.accessToken, caller }
  }

  async function verifyToken(request: FastifyRequest, inCharge: TokenVerifier, token: string): Promise<StrategyResult> {
    const confirmBinding = confirm(request, scheme, token)
    let isConfirmed = false
    try {
      const principal = await inCharge.verify(
        token,
        async confirmation => {
          await confirmBinding(confirmation)
          isConfirmed = true
        },
        () => sourceOf(request.ip)
      )
      // Also when the verifier is the app's own and knows nothing of bound tokens.
      if (principal.claims['cnf'] !== undefined && !isConfirmed) throw new InvalidTokenError('confirmation-unproven')
      if (scheme === 'dpop' && !isConfirmed) throw new InvalidTokenError('token-not-bound')
      return { kind: 'accepted', ...verifiedToken(inCharge, token, principal) }
    } catch (error) {
      return {
        kind: 'refused',
        error: refusalWithChallenge(error, challenge, options.scheme === 'dpop' ? options.nonces : undefined)
      }
    }
  }

  return { challenge, authenticate }
}

function challengeOf({ scheme, realm, algorithms, resourceMetadataUri: uri }: TokenStrategyOptions): string {
  const quoted = `realm="${realm.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`
  const parameters = uri === undefined ? quoted : `${quoted}, resource_metadata="${uri}"`
  return scheme === 'bearer' ? `Bearer ${parameters}` : `DPoP ${parameters}, algs="${algorithms.join(' ')}"`
}

/** Whether a token has the form of a JWT: an opaque token can have two dots too, but does not begin with `{"`. */
export function looksLikeJwt(token: string): boolean {
  if (!token.startsWith('eyJ')) return false
  const second = token.indexOf('.', token.indexOf('.') + 1)
  return second > token.indexOf('.') && token.indexOf('.', second + 1) === -1
}

/** Errors of the verifier are answers; anything else is a defect and goes on as what it is. */
function refusalWithChallenge(error: unknown, challenge: string, nonces: DpopNonces | undefined): FastifyError {
  const headersFor = (code: string): { headers: Readonly<Record<string, string>> } => ({
    headers: {
      'www-authenticate': `${challenge}, error="${code}"`,
      ...(nonces === undefined ? {} : { 'dpop-nonce': nonces.current() })
    }
  })
  // A new error: requests that shared one verification must not share an error that gets headers of its own.
  if (error instanceof InvalidTokenError) {
    return Object.assign(new InvalidTokenError(error.reason, { cause: error }), headersFor('invalid_token'))
  }
  if (error instanceof InvalidProofError) {
    return Object.assign(
      error,
      headersFor(error.reason === 'proof-nonce-required' ? 'use_dpop_nonce' : 'invalid_dpop_proof')
    )
  }
  if (isSallyportError(error)) return error
  throw error
}
