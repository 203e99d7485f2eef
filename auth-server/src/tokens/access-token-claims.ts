import { hash } from 'node:crypto'
import type { Confirmation } from '../store/confirmation.ts'

/** The delegation chain: who acts, and for whom that party acted before. @see RFC 8693 §4.1 */
export interface ActorClaim {
  readonly sub: string
  readonly act?: ActorClaim
}

/** How many parties act in a chain, the newest included. */
export function lengthOfActorChain(actor: ActorClaim | undefined): number {
  return actor === undefined ? 0 : 1 + lengthOfActorChain(actor.act)
}

/**
 * The claims of an access token, whatever its form. @see RFC 9068 §2.2, RFC 8693 §4.1, draft-ietf-oauth-status-list
 * "status_list"
 */
export interface AccessTokenClaims {
  readonly iss: string
  readonly sub: string
  readonly aud: string
  readonly client_id: string
  readonly iat: number
  readonly exp: number
  readonly jti: string
  /** Space-delimited. */
  readonly scope: string
  readonly roles: readonly string[]
  /** The session; absent in a client's own tokens. */
  readonly sid?: string
  /** When the user last showed who it is, in a sign-in here; absent where a client brought the password. */
  readonly auth_time?: number
  /** How. @see RFC 9068 §2.2.1, RFC 8176 §2 */
  readonly amr?: readonly string[]
  readonly status: { readonly status_list: { readonly idx: number; readonly uri: string } }
  /** The same over every token that one edge token was exchanged for. */
  readonly txn: string
  readonly act?: ActorClaim
  /** The keys that the token is bound to. */
  readonly cnf?: Confirmation
}

/** How a token is presented. @see RFC 6750 §2.1, RFC 9449 §5 */
export type TokenType = 'Bearer' | 'DPoP'

/** A token that is bound to a certificate is still presented as `Bearer`. @see RFC 8705 §3 */
export const tokenTypeOf = ({ cnf }: AccessTokenClaims): TokenType => (cnf?.jkt === undefined ? 'Bearer' : 'DPoP')

/** The scopes of a space-delimited list. @see RFC 6749 §3.3 */
export const parseScopes = (scope: string): readonly string[] => scope.split(' ').filter(name => name !== '')

/**
 * A token's `jti` as rows tell it: the same hash as the `token_id_hash` of every row that the token causes elsewhere.
 */
export const hashOfJti = (jti: string): string => hash('sha256', jti)
