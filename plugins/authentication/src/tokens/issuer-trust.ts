import type { KeySource, Principal, StatusSource } from '@sallyport/security-context'
import { resolveProfile, type Profile, type ResolvedProfile } from './profiles.ts'

/** What is believed of one issuer, and how its tokens are read. */
export interface IssuerTrust {
  /** `iss` of its tokens, compared as an exact string. */
  readonly issuer: string
  readonly audience: string
  readonly keys: KeySource
  readonly status: StatusSource | undefined
  readonly acceptUnchecked: boolean
  readonly algorithms: ReadonlySet<string>
  readonly profile: ResolvedProfile
  readonly clockToleranceSeconds: number
  readonly bounds: IdentityBounds
}

/** What an issuer may say of its subjects, and whose they are. */
export interface IdentityBounds {
  /** The roles that it may give; `null` for all. */
  readonly roles: ReadonlySet<string> | null
  /** The tenant that it stands for; `null` for none. */
  readonly tenant: string | null
}

/** The options of one issuer, each of them filled in. */
export interface ReadIssuerTrust {
  readonly issuer: string
  readonly audience: string
  readonly keys: KeySource
  readonly status?: StatusSource | undefined
  readonly statusUnavailable: 'refuse' | 'accept-unchecked'
  readonly algorithms: readonly string[]
  readonly profile: Profile
  readonly clockToleranceSeconds: number
  readonly roles?: 'all' | readonly string[] | undefined
  readonly tenant?: string | undefined
}

/** The only issuer of a verifier says of its subjects what it wants. */
export const UNBOUNDED: IdentityBounds = Object.freeze({ roles: null, tenant: null })

/**
 * Works out once what every token of the issuer is held against.
 * @param isOnlyIssuer whether it gives all roles unless it is told otherwise; one of several gives none
 */
export function issuerTrust(options: ReadIssuerTrust, isOnlyIssuer: boolean): IssuerTrust {
  const { issuer, audience, keys, status, clockToleranceSeconds } = options
  return Object.freeze({
    issuer,
    audience,
    keys,
    status,
    acceptUnchecked: options.statusUnavailable === 'accept-unchecked',
    algorithms: new Set(options.algorithms),
    profile: resolveProfile(options.profile, audience),
    clockToleranceSeconds,
    bounds: identityBounds(options, isOnlyIssuer)
  })
}

/** What an issuer may say, by its options `roles` and `tenant`. */
export function identityBounds(
  { roles, tenant }: Pick<ReadIssuerTrust, 'roles' | 'tenant'>,
  isOnlyIssuer: boolean
): IdentityBounds {
  const given = roles ?? (isOnlyIssuer ? 'all' : [])
  return Object.freeze({ roles: given === 'all' ? null : new Set(given), tenant: tenant ?? null })
}

/** The members of a principal that depend on what its issuer may say. */
export function boundedIdentity(
  roles: readonly string[],
  bounds: IdentityBounds
): Pick<Principal, 'roles'> & Pick<Principal, 'tenant'> {
  const { roles: allowed, tenant } = bounds
  return {
    roles: Object.freeze(allowed === null ? [...roles] : roles.filter(name => allowed.has(name))),
    ...(tenant === null ? {} : { tenant })
  }
}
