import type { KeySource, StatusSource } from '@sallyport/security-context'
import type { OptionsRule } from '@sallyport/security-context/options'
import { originMistakes } from './request-origin.ts'
import { sealingKeyMistakes, type SessionOptions } from './session/options.ts'
import { statusListPrefixMistakes } from './sources/status-list-addresses.ts'
import { keyDocumentMistakes } from './tokens/shared-secret.ts'
import { algorithmMistakes } from './tokens/verifier-options.ts'

/** The options that rules look at. */
interface RuledOptions {
  readonly issuer?: string
  readonly audience?: string
  readonly keys?: KeySource
  readonly jwksUri?: string
  readonly verifier?: object
  readonly status?: StatusSource
  readonly statusLists?: { readonly allowedUris: string | ((uri: string) => boolean) }
  readonly algorithms: readonly string[]
  readonly dpop?: { readonly algorithms: readonly string[] }
  readonly introspection?: object
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

/** Whether the options describe a verifier of one issuer's tokens. */
export function describesIssuer({ issuer, audience, keys, jwksUri }: Partial<RuledOptions>): boolean {
  return [issuer, audience, keys, jwksUri].some(option => option !== undefined)
}

function mixtureMistakes(options: RuledOptions): string[] {
  const { sharedSecret, verifier, status, statusLists } = options
  const mistakes: string[] = []
  if (sharedSecret !== undefined && describesIssuer(options)) {
    mistakes.push('sharedSecret must not be mixed with issuer, audience, keys or jwksUri')
  }
  if (verifier !== undefined && (sharedSecret !== undefined || describesIssuer(options))) {
    mistakes.push('verifier must not be mixed with issuer, audience, keys, jwksUri or sharedSecret')
  }
  if (status !== undefined && statusLists !== undefined) {
    mistakes.push('status and statusLists must not both be given')
  }
  return mistakes
}

function issuerMistakes(options: RuledOptions): string[] {
  if (options.sharedSecret !== undefined || options.verifier !== undefined || !describesIssuer(options)) return []
  const missing = (['issuer', 'audience'] as const).filter(name => options[name] === undefined)
  const both = (options.keys === undefined) === (options.jwksUri === undefined)
  return [
    ...missing.map(name => `${name} is missing`),
    ...(both ? ['exactly one of keys and jwksUri must be given'] : [])
  ]
}

function absenceMistakes(options: RuledOptions): string[] {
  const { sharedSecret, verifier, introspection, strategies, basic, session } = options
  const verifies = sharedSecret !== undefined || verifier !== undefined || describesIssuer(options)
  if (verifies || introspection !== undefined) return []
  const mistakes: string[] = []
  if (!Array.isArray(strategies) || strategies.length === 0) {
    mistakes.push(
      'no way to authenticate: give issuer, audience and jwksUri (or keys), verifier, sharedSecret, introspection or strategies'
    )
  }
  if ((basic ?? session) !== undefined) mistakes.push('basic and session need a way to verify the tokens they get')
  return mistakes
}

function ringMistakes(keys: SessionOptions['keys']): string[] {
  return sealingKeyMistakes(typeof keys === 'function' ? keys() : keys)
}
