import type { TObject } from 'typebox'
import { environmentName } from './names.ts'
import { DEFAULT_PREFIX } from './options.ts'
import type { SettingSchema } from './schema.ts'

/** What an operator has to know about one setting. */
export interface SettingReference {
  /** Its key in the schema and in JSON files. */
  readonly setting: string
  readonly variable: string
  /** Names a file that holds the value; `null` for what is no secret. */
  readonly fileVariable: string | null
  /** In words: `whole number, 1 to 60`. */
  readonly type: string
  /** As it is written in an environment variable; `null` without one. */
  readonly default: string | null
  readonly isRequired: boolean
  /** The description in the schema, empty without one. */
  readonly meaning: string
}

/** What is read of the schema of a setting beside {@link SettingSchema}. */
interface DescribedSchema extends SettingSchema {
  readonly type?: string
  readonly format?: string
  readonly description?: string
  readonly minimum?: number
  readonly exclusiveMinimum?: number
  readonly maximum?: number
}

const FORMAT_NAMES: Readonly<Record<string, string>> = {
  uri: 'URI',
  'secure-url': 'URL, `https:`, or `http:` on loopback',
  'secure-origin': 'origin, `https:`, or `http:` on loopback'
}
const TYPE_NAMES: Readonly<Record<string, string>> = {
  integer: 'whole number',
  number: 'number',
  boolean: '`true` or `false`',
  array: 'list',
  string: 'text'
}

/**
 * Every setting of a schema, in its order: what to set, to what, and what it means.
 * @param prefix with which the names of environment variables begin
 */
export function settingsReference(schema: TObject, prefix: string = DEFAULT_PREFIX): SettingReference[] {
  const schemas: Readonly<Record<string, DescribedSchema>> = schema.properties
  const required: readonly string[] = schema.required ?? []
  return Object.entries(schemas).map(([setting, described]) => {
    const variable = environmentName(setting, prefix)
    return {
      setting,
      variable,
      fileVariable: described.secret === true ? `${variable}_FILE` : null,
      type: typeInWords(described),
      default: defaultInWords(described),
      isRequired: required.includes(setting) && described.default === undefined,
      meaning: described.description ?? ''
    }
  })
}

function typeInWords(schema: DescribedSchema): string {
  const { type = '', format = '', separator } = schema
  const name = FORMAT_NAMES[format] ?? TYPE_NAMES[type] ?? type
  if (separator !== undefined) return `${name}, separated by ${separator === ' ' ? 'spaces' : `\`${separator}\``}`
  const range = rangeInWords(schema)
  return range === '' ? name : `${name}, ${range}`
}

function rangeInWords({ minimum, exclusiveMinimum, maximum }: DescribedSchema): string {
  const from = minimum === undefined ? '' : String(minimum)
  if (exclusiveMinimum !== undefined) {
    return `above ${exclusiveMinimum}${maximum === undefined ? '' : `, up to ${maximum}`}`
  }
  if (maximum === undefined) return from === '' ? '' : `from ${from}`
  return from === '' ? `up to ${maximum}` : `${from} to ${maximum}`
}

function defaultInWords({ default: value, separator }: DescribedSchema): string | null {
  if (value === undefined) return null
  return Array.isArray(value) ? value.join(separator ?? ',') : String(value)
}
