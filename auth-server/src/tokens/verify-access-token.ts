import { secondsOf, type Clock } from '../clock.ts'
import type { Store } from '../store/contract.ts'
import type { StatusPosition, UserSession } from '../store/records.ts'
import type { AccessTokenClaims } from './access-token-claims.ts'
import type { SigningKeys } from './keys/follow-signing-keys.ts'
import { accessTokenClaimsOf } from './parse-access-token.ts'
import { hashOfSecret } from './secret-token.ts'
import type { StatusListUris } from './status-lists/status-list-uris.ts'
import { signedClaims } from './verify-jwt.ts'

/** What the server finds of an access token that it issued. */
export type AccessTokenState =
  /** In force; `owner` is the session it was issued under, `null` for a client's own token. */
  | { readonly kind: 'active'; readonly claims: AccessTokenClaims; readonly owner: UserSession | null }
  /** Unknown, expired or revoked; `reason` is for events and never for the caller. */
  | { readonly kind: 'inactive'; readonly reason: string }

/** Verifies a token in full against keys, clock and database. Rejects when the database gives no answer. */
export type VerifyAccessToken = (token: string) => Promise<AccessTokenState>

/** Collaborators of {@link accessTokenVerifier}. */
export interface AccessTokenVerifierOptions {
  readonly issuer: string
  readonly keys: SigningKeys
  readonly store: Store
  readonly statusListUris: StatusListUris
  readonly clock: Clock
}

const inactive = (reason: string): AccessTokenState => ({ kind: 'inactive', reason })

/** Anything longer is refused before it is parsed. */
const LONGEST_TOKEN = 8192

/** Makes the function that finds out whether an access token of this server is in force. */
export function accessTokenVerifier(options: AccessTokenVerifierOptions): VerifyAccessToken {
  return async function verifyAccessToken(token) {
    if (token.length > LONGEST_TOKEN) return inactive('token-too-long')
    const claims = accessTokenClaimsOf(
      token.includes('.')
        ? await signedClaims(options.keys, token, 'at+jwt')
        : await options.store.opaqueTokens.find(hashOfSecret(token))
    )
    if (claims === null) return inactive('token-unknown')
    if (claims.iss !== options.issuer) return inactive('issuer-mismatch')
    if (claims.exp <= secondsOf(options.clock())) return inactive('token-expired')
    return await stateOfOwner(options, claims)
  }
}

async function stateOfOwner(options: AccessTokenVerifierOptions, claims: AccessTokenClaims): Promise<AccessTokenState> {
  const issuedTo = await options.store.clients.find(claims.client_id)
  if (issuedTo === null || issuedTo.disabledAtMs !== null) return inactive('client-disabled')
  if (claims.sid !== undefined) {
    const owner = await options.store.sessions.find(claims.sid)
    if (owner === null || owner.session.endedAtMs !== null) return inactive('session-ended')
    if (owner.user.disabledAtMs !== null) return inactive('user-disabled')
    if (owner.user.id !== claims.sub || !isAt(options, claims, owner.session.status)) return inactive('token-revoked')
    return { kind: 'active', claims, owner }
  }
  const client = claims.sub === issuedTo.id ? issuedTo : await options.store.clients.find(claims.sub)
  if (client === null || client.disabledAtMs !== null) return inactive('client-disabled')
  return isAt(options, claims, client.status) ? { kind: 'active', claims, owner: null } : inactive('token-revoked')
}

/** A revocation moves a session or client to a new position: a token at another one is revoked. */
export function isAt(
  { statusListUris }: Pick<AccessTokenVerifierOptions, 'statusListUris'>,
  claims: AccessTokenClaims,
  position: StatusPosition
): boolean {
  const { idx, uri } = claims.status.status_list
  return idx === position.index && statusListUris.listIdOf(uri) === position.listId
}
