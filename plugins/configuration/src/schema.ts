import type { TSchema } from 'typebox'

/** What this package reads from the schema of one setting, beside JSON Schema. */
export interface SettingSchema extends TSchema {
  /** Never printed: not in mistakes, not by `describe()`. */
  readonly secret?: boolean
  /** A value that begins with this is for demonstrations: refused when NODE_ENV is `production`. */
  readonly demoPrefix?: string
  /** For an array of strings: what separates its items in an environment variable. */
  readonly separator?: string
  /** May change while the process runs; whoever uses it subscribes to its changes. */
  readonly live?: boolean
  /** May come from a configuration server; without this mark a setting is only ever pushed. */
  readonly pulled?: boolean
  /** A text of YAML or JSON: a configuration server may also say the value itself. */
  readonly structured?: boolean
  readonly default?: unknown
  readonly enum?: unknown
  readonly anyOf?: unknown
}

/** Keywords of {@link SettingSchema} that Ajv has to accept. */
export const KEYWORDS = ['secret', 'demoPrefix', 'separator', 'live', 'pulled', 'structured']

/** String formats that a setting's schema can name. */
export const FORMATS = {
  uri: (value: string) => URL.canParse(value),
  /** https; plain http on loopback only. */
  'secure-url': isSecureSetting,
  /** Like `secure-url`, without a path, a query or credentials. */
  'secure-origin': (value: string) => isSecureSetting(value) && new URL(value).origin === value
}

function isSecureSetting(value: string): boolean {
  if (!URL.canParse(value)) return false
  const { protocol, hostname } = new URL(value)
  return protocol === 'https:' || (protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(hostname))
}

/** Mistakes of the schema itself: names and defaults that could not work. */
export function schemaMistakes(schemas: Readonly<Record<string, SettingSchema>>): string[] {
  return Object.entries(schemas).flatMap(([key, schema]) => [
    ...(/File$/.test(key)
      ? [
          `${key}: a name that ends in File would collide with the *_FILE variables (call it ${key.replace(/File$/, 'Path')})`
        ]
      : []),
    ...(schema.secret === true && schema.default !== undefined ? [`${key}: a secret must not have a default`] : []),
    ...(schema.secret === true && schema.pulled === true ? [`${key}: a secret must not be pulled`] : [])
  ])
}
