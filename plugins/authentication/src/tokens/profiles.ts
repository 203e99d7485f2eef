import { InvalidTokenError } from '../errors.ts'
import { isJsonObject, ownMember, type JsonObject } from '@sallyport/security-context/mechanics'

/** Where a claim is: its name, or the names on the way to it in nested objects. */
export type ClaimPath = string | readonly string[]

/** Where an issuer puts what RFC 9068 names otherwise, or does not name. */
export interface ProfileClaims {
  /** Default `client_id`. */
  readonly clientId?: ClaimPath
  /** Default `jti`. */
  readonly tokenId?: ClaimPath
  /** Default `roles`: an array of strings. */
  readonly roles?: ClaimPath
  /** Default `scope`. */
  readonly scope?: ClaimPath
  /** Default `sid`. */
  readonly sessionId?: ClaimPath
}

/** The access tokens of an issuer that no named profile fits. */
export interface CustomProfile {
  /**
   * Accepted values of the header's `typ`, without `application/`; compared without regard to case. `null`: the issuer
   * sends none, and `accessTokenClaim` has to be given.
   */
  readonly typ: string | readonly string[] | null
  /** What an access token says of itself and no ID token does; a token that says something else is refused. */
  readonly accessTokenClaim?: { readonly claim: ClaimPath; readonly value: string }
  readonly claims?: ProfileClaims
  /** Default `space-delimited`; `array` is for issuers that send an array of strings (`scp`). */
  readonly scopeFormat?: 'space-delimited' | 'array'
  /** Claims that this issuer does not send. Default none: both are required. */
  readonly optional?: ReadonlyArray<'clientId' | 'tokenId'>
}

/** How an issuer writes its access tokens. `rfc9068` is the standard; everything else has to be asked for by name. */
export type Profile = 'rfc9068' | 'keycloak' | 'auth0' | CustomProfile

/** A profile with everything filled in. */
export interface ResolvedProfile {
  /** `null`: the header has no `typ`. */
  readonly typ: ReadonlySet<string> | null
  readonly clientId: readonly string[]
  readonly tokenId: readonly string[]
  readonly roles: ReadonlyArray<readonly string[]>
  readonly scope: readonly string[]
  readonly sessionId: readonly string[]
  readonly scopeFormat: 'space-delimited' | 'array'
  readonly optional: ReadonlySet<string>
  /** Refuses tokens of the issuer that are no access tokens, where `typ` in the header does not tell them apart. */
  readonly refuseForeignKinds: (claims: JsonObject) => void
}

const refuseNothing = (): void => {}

/**
 * Fills a profile in for one audience.
 * @param audience this service's identifier: Keycloak nests a client's roles below it
 */
export function resolveProfile(profile: Profile, audience: string): ResolvedProfile {
  switch (profile) {
    case 'rfc9068':
      return customProfile({ typ: 'at+jwt' })
    case 'keycloak':
      return keycloak(audience)
    case 'auth0':
      return auth0()
    default:
      return customProfile(profile)
  }
}

function customProfile(profile: CustomProfile): ResolvedProfile {
  const claims = profile.claims ?? {}
  return {
    typ: profile.typ === null ? null : new Set([profile.typ].flat().map(typ => typ.toLowerCase())),
    clientId: pathOf(claims.clientId ?? 'client_id'),
    tokenId: pathOf(claims.tokenId ?? 'jti'),
    roles: [pathOf(claims.roles ?? 'roles')],
    scope: pathOf(claims.scope ?? 'scope'),
    sessionId: pathOf(claims.sessionId ?? 'sid'),
    scopeFormat: profile.scopeFormat ?? 'space-delimited',
    optional: new Set(profile.optional ?? []),
    refuseForeignKinds: accessTokensOnly(profile.accessTokenClaim)
  }
}

function accessTokensOnly(mark: CustomProfile['accessTokenClaim']): ResolvedProfile['refuseForeignKinds'] {
  if (mark === undefined) return refuseNothing
  const path = pathOf(mark.claim)
  return claims => {
    if (claimAt(claims, path) !== mark.value) throw new InvalidTokenError('token-type-mismatch')
  }
}

/** The claim at a path, `undefined` where there is none. */
export function claimAt(claims: JsonObject, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, name) => (isJsonObject(value) ? ownMember(value, name) : undefined), claims)
}

/** Keycloak: `typ: JWT` for every kind of token, and a claim `typ` that says which kind it is. */
function keycloak(audience: string): ResolvedProfile {
  return {
    ...customProfile({ typ: ['JWT', 'at+jwt'], claims: { clientId: 'azp' } }),
    roles: [
      ['realm_access', 'roles'],
      ['resource_access', audience, 'roles']
    ],
    refuseForeignKinds: claims => {
      if (claims['typ'] !== 'Bearer') throw new InvalidTokenError('token-type-mismatch')
    }
  }
}

/**
 * Auth0's own dialect: `typ: JWT` for access and ID tokens alike, no `jti`; what a user's roles give is in
 * `permissions`. (With Auth0's RFC 9068 dialect, use `rfc9068`.) Only ID tokens have a `nonce` or hashes of other
 * tokens.
 */
function auth0(): ResolvedProfile {
  return {
    ...customProfile({ typ: 'JWT', claims: { clientId: 'azp', roles: 'permissions' }, optional: ['tokenId'] }),
    refuseForeignKinds: claims => {
      const isIdToken = ['nonce', 'at_hash', 'c_hash', 's_hash'].some(name => Object.hasOwn(claims, name))
      if (isIdToken) throw new InvalidTokenError('token-type-mismatch')
    }
  }
}

function pathOf(path: ClaimPath): readonly string[] {
  return typeof path === 'string' ? [path] : path
}
