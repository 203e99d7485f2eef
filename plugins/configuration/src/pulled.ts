import type { SettingSchema } from './schema.ts'
import { splitList, structuredText, type Found, type SettingSchemas, type SourceContent } from './sources.ts'

/** What a configuration server said: the values that win, by setting, as {@link readServerDocument} made them. */
export interface PulledValues {
  /** In messages: `configuration server https://config.example`, or a snapshot of it. */
  readonly origin: string
  readonly values: Readonly<Record<string, unknown>>
}

/** Takes what was pulled for settings that may be; what may only be pushed is refused by name. */
export function readPulled(schemas: SettingSchemas, pulled: PulledValues | undefined): SourceContent {
  const found = new Map<string, Found>()
  const mistakes: string[] = []
  if (pulled === undefined) return { found, mistakes }
  const { origin, values } = pulled
  for (const [key, value] of Object.entries(values)) {
    const schema = Object.hasOwn(schemas, key) ? schemas[key] : undefined
    if (schema === undefined) mistakes.push(`${key}: is set by the ${origin}, but there is no such setting`)
    else if (schema.pulled === true) {
      found.set(key, { value: pulledValue(schema, value), origin })
    } else mistakes.push(`${key}: is set by the ${origin}, but this setting is never pulled`)
  }
  return { found, mistakes }
}

function pulledValue(schema: SettingSchema, value: unknown): unknown {
  return typeof value === 'string' ? splitList(schema, value) : structuredText(schema, value)
}
