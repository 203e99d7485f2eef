import type { OptionsRule } from '@sallyport/security-context/options'
import { issuersMistakes, sourceMistakes, type IssuerDescriptions } from './issuer-options.ts'
import { originMistakes } from './request-origin.ts'
import { sealingKeyMistakes, type SessionOptions } from './session/options.ts'
import { statusListPrefixMistakes } from './sources/status-list-addresses.ts'
import { keyDocumentMistakes } from './tokens/shared-secret.ts'
import { algorithmMistakes, issuerListMistakes } from './tokens/verifier-options.ts'

/** The options that rules look at. */
interface RuledOptions extends IssuerDescriptions {
  readonly verifier?: object
  readonly algorithms: readonly string[]
  readonly dpop?: { readonly algorithms: readonly string[] }
  readonly introspection?: {
    readonly endpoint?: unknown
    readonly audience?: string | undefined
    readonly issuer?: string | undefined
  }
  readonly sharedSecret?: { readonly secret: string | Uint8Array }
  readonly basic?: { readonly origins?: readonly string[] }
  readonly session?: { readonly origins?: readonly string[]; readonly keys: SessionOptions['keys'] }
  readonly strategies: readonly object[]
}

/** What the schema of the plugin's options cannot say: which of them go together, and lists with contents. */
export const pluginOptionRules: ReadonlyArray<OptionsRule<RuledOptions>> = [
  { of: [], mistakes: mixtureMistakes },
  { of: [], mistakes: issuerMistakes },
  { of: [], mistakes: absenceMistakes },
  { of: ['issuers'], mistakes: ({ issuers }) => (issuers === undefined ? [] : issuerListMistakes(issuers)) },
  { of: ['issuers', 'audience'], mistakes: issuersMistakes },
  { of: ['introspection', 'issuer', 'issuers'], mistakes: introspectionMistakes },
  { of: ['algorithms'], mistakes: ({ algorithms }) => algorithmMistakes('algorithms', algorithms) },
  { of: ['dpop.algorithms'], mistakes: ({ dpop }) => algorithmMistakes('dpop.algorithms', dpop?.algorithms ?? []) },
  {
    of: ['statusLists.allowedUris', 'issuer'],
    mistakes: ({ statusLists, issuer = '' }) =>
      statusLists === undefined
        ? []
        : statusListPrefixMistakes('statusLists.allowedUris', statusLists.allowedUris, issuer)
  },
  {
    of: ['sharedSecret.secret'],
    mistakes: ({ sharedSecret }) =>
      sharedSecret === undefined ? [] : keyDocumentMistakes('sharedSecret.secret', sharedSecret.secret)
  },
  { of: ['basic.origins'], mistakes: ({ basic }) => originMistakes('basic.origins', basic?.origins) },
  { of: ['session.origins'], mistakes: ({ session }) => originMistakes('session.origins', session?.origins) },
  { of: ['session.keys'], mistakes: ({ session }) => (session === undefined ? [] : ringMistakes(session.keys)) }
]

const OF_ONE_ISSUER = ['issuer', 'keys', 'jwksUri', 'metadataUri', 'status', 'statusLists'] as const

/** Whether the options describe a verifier of tokens of issuers. */
function describesIssuer({ issuer, issuers, audience, keys, jwksUri, metadataUri }: Partial<RuledOptions>): boolean {
  return [issuer, issuers, audience, keys, jwksUri, metadataUri].some(option => option !== undefined)
}

function mixtureMistakes(options: RuledOptions): string[] {
  const { sharedSecret, verifier, issuers } = options
  const mistakes: string[] = []
  if (sharedSecret !== undefined && describesIssuer(options)) {
    mistakes.push('sharedSecret must not be mixed with issuer, issuers, audience, keys or jwksUri')
  }
  if (verifier !== undefined && (sharedSecret !== undefined || describesIssuer(options))) {
    mistakes.push('verifier must not be mixed with issuer, issuers, audience, keys, jwksUri or sharedSecret')
  }
  const alsoGiven = OF_ONE_ISSUER.filter(name => options[name] !== undefined)
  if (issuers !== undefined && alsoGiven.length > 0) {
    mistakes.push(`issuers must not be mixed with ${alsoGiven.join(', ')}`)
  }
  return mistakes
}

function issuerMistakes(options: RuledOptions): string[] {
  if (options.sharedSecret !== undefined || options.verifier !== undefined || options.issuers !== undefined) return []
  if (!describesIssuer(options)) return []
  const missing = (['issuer', 'audience'] as const).filter(name => options[name] === undefined)
  return [...missing.map(name => `${name} is missing`), ...sourceMistakes(options, '')]
}

/** Opaque tokens do not say whose they are: it has to be known who is asked, and for whom. */
function introspectionMistakes({ introspection, issuer, issuers, audience }: RuledOptions): string[] {
  if (introspection === undefined) return []
  const names = issuers?.map(each => each.issuer) ?? (issuer === undefined ? [] : [issuer])
  const mistakes: string[] = []
  if (introspection.endpoint === undefined && names.length === 0) mistakes.push('introspection.endpoint is missing')
  if (introspection.audience === undefined && audience === undefined) mistakes.push('introspection.audience is missing')
  if (names.length > 1 && (introspection.issuer === undefined || !names.includes(introspection.issuer))) {
    mistakes.push('introspection.issuer must be one of the issuers')
  }
  return mistakes
}

function absenceMistakes(options: RuledOptions): string[] {
  const { sharedSecret, verifier, introspection, strategies, basic, session } = options
  const verifies = sharedSecret !== undefined || verifier !== undefined || describesIssuer(options)
  if (verifies || introspection !== undefined) return []
  const mistakes: string[] = []
  if (!Array.isArray(strategies) || strategies.length === 0) {
    mistakes.push(
      'no way to authenticate: give issuer and audience, issuers, verifier, sharedSecret, introspection or strategies'
    )
  }
  if ((basic ?? session) !== undefined) mistakes.push('basic and session need a way to verify the tokens they get')
  return mistakes
}

function ringMistakes(keys: SessionOptions['keys']): string[] {
  return sealingKeyMistakes(typeof keys === 'function' ? keys() : keys)
}
