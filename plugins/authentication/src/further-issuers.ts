import type { KeySource, StatusSource } from '@sallyport/security-context'
import { defined, isJsonObject, parseJson } from '@sallyport/security-context/mechanics'
import { optionsObject, readOptions, Type } from '@sallyport/security-context/options'
import { pluginIssuerOptions, sourceMistakes, type PluginIssuerOptions } from './issuer-options.ts'
import type { AuthenticationOptions } from './options.ts'
import type { ProfileName } from './tokens/profiles.ts'
import { issuerListMistakes } from './tokens/verifier-options.ts'

/** Settings of a process that takes tokens of several issuers. */
export interface FurtherIssuersSettings {
  /** The one whose client the process is. */
  readonly issuer: string
  /** JSON of the others. */
  readonly furtherIssuers?: string | undefined
}

/** The issuer whose client a process is, and what the process knows of it. */
export interface OwnIssuer {
  readonly issuer: string
  readonly audience: string
  readonly profile?: ProfileName
  readonly keys: KeySource
  readonly status?: StatusSource | undefined
  readonly clockToleranceSeconds: number
}

/** The setting, to be spread into the schema of a process. It decides who is let in, so it is never pulled. */
export function furtherIssuersSettings() {
  return {
    furtherIssuers: Type.Optional(
      Type.String({
        structured: true,
        maxLength: 65_536,
        description:
          'More issuers whose tokens are taken, a JSON list of `{ issuer, audience, profile, roles, tenant, algorithms, ' +
          'clockToleranceSeconds, statusUnavailable, jwksUri, metadataUri }`. Left out: none. Without `roles` their ' +
          'tokens give no roles, without `audience` they are for this process.'
      })
    )
  }
}

// Data only: what is made in the process, such as a key source, cannot be written down.
const { keys: _keys, status: _status, statusLists: _lists, ...writable } = pluginIssuerOptions.properties

const furtherIssuersSchema = optionsObject({
  furtherIssuers: Type.Array(optionsObject(writable), { minItems: 1 })
})

class FurtherIssuersError extends Error {}

/** Every mistake in the setting, by the name of what is wrong. */
export function furtherIssuersMistakes(settings: FurtherIssuersSettings): string[] {
  try {
    readFurtherIssuers(settings)
    return []
  } catch (error) {
    if (error instanceof FurtherIssuersError) return [error.message]
    throw error
  }
}

/** @throws {FurtherIssuersError} with every mistake */
function readFurtherIssuers({ issuer, furtherIssuers }: FurtherIssuersSettings): readonly PluginIssuerOptions[] {
  if (furtherIssuers === undefined) return []
  const { furtherIssuers: issuers } = readOptions(
    {
      schema: furtherIssuersSchema,
      error: FurtherIssuersError,
      rules: [
        {
          of: ['furtherIssuers'],
          mistakes: ({ furtherIssuers: read }) => [
            ...issuerListMistakes(read, 'furtherIssuers'),
            ...read.flatMap((each, at) => sourceMistakes(each, `furtherIssuers.${at}.`)),
            ...read.flatMap((each, at) =>
              each.issuer === issuer ? [`furtherIssuers.${at}.issuer is issuer itself`] : []
            )
          ]
        }
      ]
    },
    { furtherIssuers: listInJson(furtherIssuers) }
  )
  return issuers
}

/** The parser's own message is left out: it quotes the content. */
function listInJson(text: string): unknown[] {
  let value: unknown
  try {
    value = parseJson(text)
  } catch {
    throw new FurtherIssuersError('furtherIssuers is not JSON')
  }
  if (Array.isArray(value) && value.every(isJsonObject)) return value
  throw new FurtherIssuersError('furtherIssuers must be a list of objects')
}

/**
 * The options of the plugin for whose tokens a process takes: its own issuer's, and those of the setting. Roles of its
 * own issuer count as ever.
 * @throws {Error} where {@link furtherIssuersMistakes} finds any
 */
export function processIssuers(own: OwnIssuer, settings: FurtherIssuersSettings): AuthenticationOptions {
  const { audience, status, ...known } = own
  const trusted = { ...known, audience, ...defined({ status }) }
  const further = readFurtherIssuers(settings)
  return further.length === 0 ? trusted : { audience, issuers: [{ ...trusted, roles: 'all' }, ...further] }
}
