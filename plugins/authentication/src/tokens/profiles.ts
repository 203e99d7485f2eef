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
  /**
   * Default `aud`. Another claim is for an issuer whose access tokens have no `aud`, and is an exception to the rule
   * that a token names this service: it names a client, and every service of that client takes it.
   */
  readonly audience?: ClaimPath
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
export type Profile = ProfileName | CustomProfile

/** Issuers whose tokens are known by name. */
export const PROFILE_NAMES = Object.freeze([
  'rfc9068',
  'keycloak',
  'auth0',
  'entra',
  'entra-v1',
  'okta',
  'cognito'
] as const)

/** The name of a profile. */
export type ProfileName = (typeof PROFILE_NAMES)[number]

/** Whether this is the name of a profile. */
export function isProfileName(value: unknown): value is ProfileName {
  return PROFILE_NAMES.some(name => name === value)
}

/** A profile with everything filled in. */
export interface ResolvedProfile {
  /** In lower case, without `application/`. */
  readonly typ: ReadonlySet<string>
  /** Whether the header may come without `typ`. */
  readonly mayOmitTyp: boolean
  readonly clientId: readonly string[]
  readonly tokenId: readonly string[]
  readonly roles: ReadonlyArray<readonly string[]>
  readonly scope: readonly string[]
  readonly sessionId: readonly string[]
  /** `null`: `aud`, as the standard says. */
  readonly audience: readonly string[] | null
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
    case 'entra':
      return entra('azp', '2.0')
    case 'entra-v1':
      return entra('appid', '1.0')
    case 'okta':
      return okta()
    case 'cognito':
      return customProfile(COGNITO)
    default:
      return customProfile(profile)
  }
}

function customProfile(profile: CustomProfile): ResolvedProfile {
  const claims = profile.claims ?? {}
  return {
    typ: new Set([profile.typ ?? []].flat().map(typ => typ.toLowerCase())),
    mayOmitTyp: profile.typ === null,
    clientId: pathOf(claims.clientId ?? 'client_id'),
    tokenId: pathOf(claims.tokenId ?? 'jti'),
    roles: [pathOf(claims.roles ?? 'roles')],
    scope: pathOf(claims.scope ?? 'scope'),
    sessionId: pathOf(claims.sessionId ?? 'sid'),
    audience: audiencePath(claims.audience),
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
    refuseForeignKinds: refuseIdTokens
  }
}

/** What only ID tokens have. */
function refuseIdTokens(claims: JsonObject): void {
  const isIdToken = ['nonce', 'at_hash', 'c_hash', 's_hash'].some(name => Object.hasOwn(claims, name))
  if (isIdToken) throw new InvalidTokenError('token-type-mismatch')
}

/**
 * Microsoft Entra ID, tokens of one version: `typ: JWT` for access and ID tokens alike, and an app that is client and
 * API at once is the audience of both. Only access tokens name their client, so that claim is required.
 */
function entra(clientId: 'azp' | 'appid', version: string): ResolvedProfile {
  return {
    ...customProfile({ typ: 'JWT', claims: { clientId, tokenId: 'uti', scope: 'scp' }, optional: ['tokenId'] }),
    refuseForeignKinds: claims => {
      refuseIdTokens(claims)
      if (ownMember(claims, 'ver') !== version) throw new InvalidTokenError('token-type-mismatch')
    }
  }
}

/**
 * Okta, custom authorization servers: no `typ`, or one of Okta's own. Only access tokens name their client in `cid`, so
 * that claim is required.
 */
function okta(): ResolvedProfile {
  return {
    ...customProfile({
      typ: ['okta-internal-at+jwt', 'at+jwt'],
      claims: { clientId: 'cid', roles: 'groups', scope: 'scp' },
      scopeFormat: 'array'
    }),
    mayOmitTyp: true,
    refuseForeignKinds: refuseIdTokens
  }
}

/** AWS Cognito: no `typ` and no `aud`, so that the service is known by the app clients whose tokens it takes. */
const COGNITO: CustomProfile = {
  typ: null,
  accessTokenClaim: { claim: 'token_use', value: 'access' },
  claims: { audience: 'client_id', roles: 'cognito:groups', sessionId: 'origin_jti' }
}

function audiencePath(path: ClaimPath | undefined): readonly string[] | null {
  return path === undefined || path === 'aud' ? null : pathOf(path)
}

function pathOf(path: ClaimPath): readonly string[] {
  return typeof path === 'string' ? [path] : path
}
