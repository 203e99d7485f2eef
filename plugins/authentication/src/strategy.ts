import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import type { DpopKey, KnownCaller, Principal, SecurityEvent } from '@sallyport/security-context'
import type { PresentedAuthorization } from './authorization-header.ts'
import type { LoginFacts } from './session/pairing.ts'
import type { VerifiedToken } from './tokens/verified-token.ts'

/**
 * What a strategy found in a request. "Not responsible" is not "rejected": only `not-applicable` lets the next
 * strategy look, `refused` ends the search.
 */
export type StrategyResult =
  | {
      readonly kind: 'accepted'
      readonly principal: Principal
      /**
       * The caller's access token. `null` from a strategy that has none: such a caller can use this service, but what
       * works on behalf of a token (an exchange, `callAs`, `/sessions`) is refused. See `createCredentialTokens`.
       */
      readonly accessToken: string | null
      /** What is remembered of the caller, of a strategy that remembers callers. */
      readonly caller?: KnownCaller | null
      /** How the caller's session began. */
      readonly login?: LoginFacts | null
      /** For a strategy whose tokens are bound to a key of this process. */
      readonly dpopKey?: DpopKey | null
      /** For a strategy that got the token itself. */
      readonly renew?: RenewToken
    }
  | { readonly kind: 'not-applicable' }
  | {
      readonly kind: 'refused'
      readonly error: FastifyError
      /** Whom the refusal is about, for the security event. */
      readonly about?: Pick<SecurityEvent, 'subject' | 'clientId' | 'nameTried'>
    }

/**
 * Gets a new token in place of one that the issuer refuses though the verifier accepted it.
 * @returns `null` when the caller has to authenticate anew
 * @throws an error with status 429 or 503 when nobody can tell
 */
export type RenewToken = (refusedToken: string) => Promise<VerifiedToken | null>

/** One way to authenticate a request. Strategies are asked in order; the first that feels responsible decides. */
export interface Strategy {
  /** Kebab-case; appears in the security event as `detail.strategy`. */
  readonly name: string
  /** `WWW-Authenticate` of a request without credentials, without `error`; `null` for none. @see RFC 9110 §11.6.1 */
  readonly challenge: string | null
  /**
   * The challenge for this very request, where it is not the same for all: a Basic challenge makes browsers show a
   * dialog.
   */
  readonly challengeFor?: (request: FastifyRequest) => string | null
  /**
   * Never throws for bad credentials; a throw is an internal error and is answered as one. The Authorization header has
   * been read: a request with two of them does not get here. A strategy that knows the caller answers at once, without
   * a promise.
   */
  readonly authenticate: (
    request: FastifyRequest,
    reply: FastifyReply,
    authorization: PresentedAuthorization
  ) => StrategyResult | Promise<StrategyResult>
}

/** The result of a strategy that finds none of its credentials in the request. */
export const NOT_APPLICABLE: StrategyResult = Object.freeze({ kind: 'not-applicable' })
