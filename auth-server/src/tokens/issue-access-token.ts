import { randomUUID } from 'node:crypto'
import type { Clock } from '@sallyport/security-context/mechanics'
import { secondsOf } from '../seconds.ts'
import type { Confirmation } from '../store/confirmation.ts'
import type { Store } from '../store/contract.ts'
import type { Client, StatusPosition } from '../store/records.ts'
import type { AccessTokenClaims, ActorClaim } from './access-token-claims.ts'
import type { SigningKeys } from './keys/follow-signing-keys.ts'
import { hashOfSecret, newSecret } from './secret-token.ts'
import { signJwt } from './sign-jwt.ts'
import type { StatusListUris } from './status-lists/status-list-uris.ts'

/** The claims about a sign-in. @see RFC 9068 §2.2.1 */
export type AuthenticationClaims = Pick<AccessTokenClaims, 'auth_time' | 'amr'>

/** What a new access token says. */
export interface AccessTokenFacts {
  readonly subject: string
  readonly audience: string
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
  readonly sessionId: string | null
  /** How the user signed in, where that was here. */
  readonly authentication?: AuthenticationClaims
  readonly status: StatusPosition
  /** `txn` of the token that this one is exchanged for; a new one by default. */
  readonly transactionId?: string
  readonly actor?: ActorClaim
  /** The keys that it is bound to; `null`: whoever has it may use it. */
  readonly confirmation: Confirmation | null
  /** It expires no later than this, in epoch seconds. */
  readonly notAfterSeconds?: number
}

/** An access token as issued. */
export interface IssuedAccessToken {
  readonly token: string
  readonly claims: AccessTokenClaims
  readonly expiresInSeconds: number
}

/** Issues an access token to a client, in the form that the client takes. */
export type IssueAccessToken = (client: Client, facts: AccessTokenFacts) => Promise<IssuedAccessToken>

/** Collaborators of {@link accessTokenIssuer}. */
export interface AccessTokenIssuerOptions {
  readonly issuer: string
  readonly lifetimeSeconds: number
  readonly keys: SigningKeys
  readonly store: Store
  readonly statusListUris: StatusListUris
  readonly clock: Clock
}

/**
 * Makes the function that issues access tokens: RFC 9068 JWTs, or opaque tokens of which only the hash is stored.
 * @see RFC 9068 §2
 */
export function accessTokenIssuer(options: AccessTokenIssuerOptions): IssueAccessToken {
  return async function issueAccessToken(client, facts) {
    const nowSeconds = secondsOf(options.clock())
    const claims = newAccessTokenClaims(options, client, facts, nowSeconds)
    const expiresInSeconds = claims.exp - nowSeconds
    if (client.accessTokenFormat === 'jwt') {
      return { token: signJwt(await options.keys.signer(), 'at+jwt', claims), claims, expiresInSeconds }
    }
    const token = newSecret()
    await options.store.opaqueTokens.save(hashOfSecret(token), client.id, { ...claims }, claims.exp * 1000)
    return { token, claims, expiresInSeconds }
  }
}

function newAccessTokenClaims(
  options: AccessTokenIssuerOptions,
  client: Client,
  facts: AccessTokenFacts,
  nowSeconds: number
): AccessTokenClaims {
  return {
    iss: options.issuer,
    sub: facts.subject,
    aud: facts.audience,
    client_id: client.id,
    iat: nowSeconds,
    exp: Math.min(nowSeconds + options.lifetimeSeconds, facts.notAfterSeconds ?? Infinity),
    jti: randomUUID(),
    scope: facts.scopes.join(' '),
    roles: facts.roles,
    ...(facts.sessionId === null ? {} : { sid: facts.sessionId }),
    ...facts.authentication,
    status: { status_list: { idx: facts.status.index, uri: options.statusListUris.uriOf(facts.status.listId) } },
    txn: facts.transactionId ?? randomUUID(),
    ...(facts.actor === undefined ? {} : { act: facts.actor }),
    ...(facts.confirmation === null ? {} : { cnf: facts.confirmation })
  }
}
