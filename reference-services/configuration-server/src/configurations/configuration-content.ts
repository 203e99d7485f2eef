import { isSecretField, type JsonValue } from '@sallyport/security-context/mechanics'
import Type, { type Static } from 'typebox'
import { ContentInvalidError } from '../errors.ts'
import { PropertyName } from './configuration-names.ts'

const MOST_PROPERTIES = 500
const MOST_VALUE_LEVELS = 16

const PropertyValue = Type.Unsafe<JsonValue>({ type: ['string', 'number', 'boolean', 'object', 'array'] })
const KeptSecret = Type.Unsafe<JsonValue>({ type: ['string', 'number', 'boolean', 'object', 'array', 'null'] })

/**
 * What a configuration contains. A secret that is `null` keeps its value: what is read here, masked, can be sent back.
 */
export const ContentSchema = Type.Object(
  {
    values: Type.Record(PropertyName, PropertyValue, {
      additionalProperties: false,
      maxProperties: MOST_PROPERTIES
    }),
    secrets: Type.Record(PropertyName, KeptSecret, {
      additionalProperties: false,
      maxProperties: MOST_PROPERTIES,
      default: {}
    })
  },
  { additionalProperties: false }
)

/** Content as it is sent: `null` for a secret that stays. */
export type SentContent = Readonly<Static<typeof ContentSchema>>

/** Content of one version, its secrets decrypted. */
export interface ConfigurationContent {
  readonly values: ReadonlyMap<string, JsonValue>
  readonly secrets: ReadonlyMap<string, JsonValue>
}

/** The content of a configuration that does not exist yet. */
export const EMPTY_CONTENT: ConfigurationContent = Object.freeze({ values: new Map(), secrets: new Map() })

/**
 * The content that results from what was sent, over what was there.
 * @throws `SALLYPORT_CONFIGSERVER_CONTENT_INVALID`, naming the property and not its value
 */
export function resultingContent(before: ConfigurationContent, sent: SentContent): ConfigurationContent {
  const values = new Map(Object.entries(sent.values))
  const secrets = new Map<string, JsonValue>()
  for (const [name, value] of Object.entries(sent.secrets)) {
    const kept = value ?? before.secrets.get(name) ?? null
    if (kept === null) throw new ContentInvalidError(`there is no secret ${name} that could stay`)
    secrets.set(name, kept)
  }
  requireStorable({ values, secrets })
  return { values, secrets }
}

/** @throws `SALLYPORT_CONFIGSERVER_CONTENT_INVALID` */
export function requireStorable({ values, secrets }: ConfigurationContent): void {
  for (const [name, value] of values) {
    if (secrets.has(name)) throw new ContentInvalidError(`${name} is a value and a secret`)
    if (isSecretField(name, value)) throw new ContentInvalidError(`${name} belongs under secrets, by its name`)
  }
  for (const [name, value] of [...values, ...secrets]) {
    if (!isStorableValue(value, MOST_VALUE_LEVELS)) {
      throw new ContentInvalidError(`${name} is nested too deep, or has a number that JSON cannot carry`)
    }
  }
}

function isStorableValue(value: JsonValue, levels: number): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || value === null) return true
  return levels > 0 && Object.values(value).every(member => isStorableValue(member, levels - 1))
}
