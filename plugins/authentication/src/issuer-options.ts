import type { KeySource, StatusSource } from '@sallyport/security-context'
import { objectWith, optionsObject, Type, type Static } from '@sallyport/security-context/options'
import { jwksUriOption, pluginStatusLists, type PluginStatusLists } from './sources/source-options.ts'
import {
  asymmetricAlgorithms,
  identityOptions,
  profileOption,
  secureUrl,
  statusUnavailable,
  verificationOptions,
  type TokenVerifierOptions
} from './tokens/verifier-options.ts'

/** One of several issuers whose tokens the plugin takes. */
export interface PluginIssuerOptions extends Pick<
  TokenVerifierOptions,
  'issuer' | 'profile' | 'algorithms' | 'clockToleranceSeconds' | 'statusUnavailable'
> {
  /**
   * The roles that its tokens may give: `'all'`, or these names. Left out: none, and all where it is the only issuer.
   * @example ['CUSTOMER']
   */
  readonly roles?: 'all' | readonly string[]
  /** The tenant that it stands for: `principal.tenant`. */
  readonly tenant?: string
  /** `aud` of its tokens. Left out: the plugin's `audience`. */
  readonly audience?: string
  /** Where its keys come from; whoever made it closes it. Left out: its metadata names them. */
  readonly keys?: KeySource
  /** Its JWKS. Left out: its metadata names it. */
  readonly jwksUri?: string
  /** Where its metadata is, when it is not where the standards have it. */
  readonly metadataUri?: string
  /** Where revocation of its tokens is looked up; whoever made it closes it. */
  readonly status?: StatusSource
  /** Its status lists, where its metadata does not name them. */
  readonly statusLists?: PluginStatusLists
}

/** Where what an issuer publishes comes from. */
export const issuerSourceOptions = {
  keys: Type.Optional(objectWith<KeySource>('a key source', ['find', 'isPublished'])),
  jwksUri: Type.Optional(jwksUriOption()),
  metadataUri: Type.Optional(secureUrl()),
  status: Type.Optional(objectWith<StatusSource>('a status source', ['follow', 'check'])),
  statusLists: Type.Optional(pluginStatusLists)
}

export const pluginIssuerOptions = optionsObject({
  issuer: secureUrl(),
  audience: Type.Optional(Type.String({ minLength: 1 })),
  ...issuerSourceOptions,
  profile: profileOption('rfc9068'),
  algorithms: asymmetricAlgorithms(),
  clockToleranceSeconds: verificationOptions.clockToleranceSeconds,
  statusUnavailable: statusUnavailable(),
  ...identityOptions
})

/** The options of one issuer with every default filled in. */
export type ReadPluginIssuer = Readonly<Static<typeof pluginIssuerOptions>>

/** An issuer with its audience: what the plugin opens sources for. */
export type DescribedIssuer = Omit<ReadPluginIssuer, 'audience'> & { readonly audience: string }

/** The options that describe issuers: one at the top level, or a list. */
export interface IssuerDescriptions extends Partial<Omit<ReadPluginIssuer, 'roles' | 'tenant'>> {
  readonly issuers?: readonly ReadPluginIssuer[] | undefined
}

/** Every mistake in what is said of each issuer of the list. */
export function issuersMistakes({ issuers = [], audience }: Partial<IssuerDescriptions>): string[] {
  return issuers.flatMap((each, at) => [
    ...(each.audience === undefined && audience === undefined ? [`issuers.${at}.audience is missing`] : []),
    ...sourceMistakes(each, `issuers.${at}.`)
  ])
}

/** Sources of one issuer that exclude each other. */
export function sourceMistakes(given: Partial<ReadPluginIssuer>, path: string): string[] {
  const { keys, jwksUri, metadataUri, status, statusLists } = given
  const mistakes: string[] = []
  if (keys !== undefined && jwksUri !== undefined) mistakes.push(`${path}keys and jwksUri must not both be given`)
  if (metadataUri !== undefined && (keys ?? jwksUri) !== undefined) {
    mistakes.push(`${path}metadataUri is of no use with keys or jwksUri`)
  }
  if (status !== undefined && statusLists !== undefined) {
    mistakes.push(`${path}status and statusLists must not both be given`)
  }
  return mistakes
}
