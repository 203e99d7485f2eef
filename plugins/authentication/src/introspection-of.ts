import { describedIssuers, type OpenVerifier } from './open-verifier.ts'
import type { ReadAuthenticationOptions } from './options.ts'
import type { IntrospectorOptions } from './sources/introspector-options.ts'
import { identityBounds, UNBOUNDED, type IdentityBounds } from './tokens/issuer-trust.ts'

/** How opaque tokens are checked, and what their issuer may say. */
export interface DescribedIntrospection {
  readonly options: IntrospectorOptions
  readonly bounds: IdentityBounds
}

/**
 * Fills in what the plugin knows of the issuer of opaque tokens: their audience, who it is, and the endpoint that its
 * metadata names.
 * @returns `null` when no opaque tokens are taken
 */
export function introspectionOf(
  options: ReadAuthenticationOptions,
  local: OpenVerifier | null
): DescribedIntrospection | null {
  const { introspection } = options
  if (introspection === undefined) return null
  const described = describedIssuers(options)
  const issuer = introspection.issuer ?? (introspection.endpoint === undefined ? described[0]?.issuer : undefined)
  const trusted = described.find(each => each.issuer === issuer)
  const discovery = local?.issuers.get(issuer ?? '')?.discovery ?? null
  return {
    options: {
      ...introspection,
      endpoint: introspection.endpoint ?? (async () => (await discovery?.get())?.introspectionEndpoint ?? null),
      audience: introspection.audience ?? trusted?.audience ?? '',
      ...(issuer === undefined ? {} : { issuer })
    },
    bounds: trusted === undefined ? UNBOUNDED : identityBounds(trusted, described.length === 1)
  }
}
