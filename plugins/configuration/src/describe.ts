import { environmentName } from './names.ts'
import type { SettingSchema } from './schema.ts'

/** A table of every setting: name, value, origin. Secrets are hidden, and so are credentials inside URLs. */
export function describeSettings(
  schemas: Readonly<Record<string, SettingSchema>>,
  values: Readonly<Record<string, unknown>>,
  origins: Readonly<Record<string, string>>
): string {
  const rows = Object.keys(schemas)
    .sort()
    .map(key => [key, shownValue(schemas[key], values[key]), origins[key] ?? 'not set'] as const)
  const keyWidth = Math.max(0, ...rows.map(([key]) => key.length))
  const valueWidth = Math.max(0, ...rows.map(([, value]) => value.length))
  return rows
    .map(([key, value, origin]) => `${key.padEnd(keyWidth)}  ${value.padEnd(valueWidth)}  ${origin}`)
    .join('\n')
}

/** How a value may be printed. */
export function shownValue(schema: SettingSchema | undefined, value: unknown): string {
  if (value === undefined) return '-'
  if (schema?.secret === true) return '[secret]'
  return JSON.stringify(value, (_name, part: unknown) => (typeof part === 'string' ? withoutCredentials(part) : part))
}

/**
 * What is no URL may be one whose password should have been encoded: of each of its lines nothing up to the last `@` is
 * shown. A password may have an `@` of its own, and quotes and spaces.
 */
function withoutCredentials(text: string): string {
  if (URL.canParse(text)) return text.replaceAll(/:\/\/[^/?#]*@/g, '://[secret]@')
  return text
    .split('\n')
    .map(line => {
      const start = line.indexOf('://')
      const end = line.lastIndexOf('@')
      return start === -1 || end < start ? line : `${line.slice(0, start)}://[secret]${line.slice(end)}`
    })
    .join('\n')
}

/** One setting as `settings explain` shows it. */
export interface ExplainedSetting {
  readonly setting: string
  /** Its environment variable. */
  readonly variable: string
  /** As it may be printed: JSON text, `[secret]`, or `-` without one. */
  readonly shown: string
  readonly origin: string
  /** Whether it may change while the process runs. */
  readonly live: boolean
  /** Whether it may come from a configuration server. */
  readonly pulled: boolean
}

/** Every setting, by name. */
export function explainSettings(
  schemas: Readonly<Record<string, SettingSchema>>,
  values: Readonly<Record<string, unknown>>,
  origins: Readonly<Record<string, string>>,
  prefix: string
): ExplainedSetting[] {
  return Object.keys(schemas)
    .sort()
    .map(setting => ({
      setting,
      variable: environmentName(setting, prefix),
      shown: shownValue(schemas[setting], values[setting]),
      origin: origins[setting] ?? 'not set',
      live: schemas[setting]?.live === true,
      pulled: schemas[setting]?.pulled === true
    }))
}
