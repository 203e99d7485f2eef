import type { Static, TObject } from 'typebox'
import { describeSettings, shownValue } from './describe.ts'
import { ConfigurationError } from './errors.ts'
import { environmentName } from './names.ts'
import { schemaMistakes, type SettingSchema } from './schema.ts'
import { readEnvironment, readFiles, type Found } from './sources.ts'
import { checkValues, coerceStrings, type CheckedValues, type Violations } from './validate.ts'

/** A value that nothing can change. */
export type DeepReadonly<T> = T extends (infer Item)[]
  ? ReadonlyArray<DeepReadonly<Item>>
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T

/** Where settings come from. */
export interface SettingsSources<S extends TObject> {
  /** A flat TypeBox object with camelCase keys. Secrets carry `{ secret: true }`. */
  readonly schema: S
  /** `process.env`, or a part of it. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Paths of JSON files; a later one wins. */
  readonly files?: readonly string[]
  /** What the schema cannot say: one sentence a mistake, without secrets. Asked when each value alone is right. */
  readonly mistakes?: (values: DeepReadonly<Static<S>>) => readonly string[]
}

/** Settings that were validated once and do not change. */
export interface Settings<T> {
  readonly values: DeepReadonly<T>
  /** Where the value of each setting came from: a default, a file, an environment variable. */
  readonly origins: Readonly<Record<string, string>>
  readonly schema: TObject
  /** A table of name, value and origin, with secrets hidden. */
  describe: () => string
}

/** What the sources hold, ready to be checked against the schema. */
export interface GatheredSettings<S extends TObject> {
  readonly sources: SettingsSources<S>
  /** Values of the files as they are; those of the environment as the types of the schema. */
  readonly data: Record<string, unknown>
  readonly found: ReadonlyMap<string, Found>
  readonly violations: Violations
  /** Mistakes of the sources and of the schema itself. */
  readonly mistakes: readonly string[]
}

/**
 * Reads settings from defaults, JSON files, environment variables and the files that `*_FILE` variables name, in this
 * order, the later over the earlier. Only environment strings are coerced to the types of the schema. Unknown keys in
 * files and unknown variables that begin with `SALLYPORT_` are mistakes.
 * @throws {ConfigurationError} `SALLYPORT_CONFIGURATION_INVALID`, with every mistake and the origin of its value
 */
export function loadSettings<S extends TObject>(sources: SettingsSources<S>): Settings<Static<S>> {
  const gathered = gatherSettings(sources)
  return settle(gathered, checkValues(sources.schema, gathered.data))
}

/** Reads the sources, and checks nothing yet but the sources themselves. */
export function gatherSettings<S extends TObject>(sources: SettingsSources<S>): GatheredSettings<S> {
  const { schema, environment } = sources
  const schemas: Readonly<Record<string, SettingSchema>> = schema.properties
  const files = readFiles(schemas, sources.files ?? [])
  const variables = readEnvironment(schemas, environment)
  const coerced = coerceStrings(schema, foundValues(variables.found))
  return {
    sources,
    data: { ...foundValues(files.found), ...coerced.values },
    found: new Map([...files.found, ...variables.found]),
    violations: coerced.violations,
    mistakes: [...schemaMistakes(schemas), ...files.mistakes, ...variables.mistakes]
  }
}

/**
 * Makes settings of values that were checked.
 * @throws {ConfigurationError} `SALLYPORT_CONFIGURATION_INVALID`
 */
export function settle<S extends TObject>(gathered: GatheredSettings<S>, checked: CheckedValues): Settings<Static<S>> {
  const { sources, found } = gathered
  const { schema, environment } = sources
  const schemas: Readonly<Record<string, SettingSchema>> = schema.properties
  const violations = new Map([...checked.violations, ...gathered.violations])
  const mistakes = [
    ...gathered.mistakes,
    ...[...violations]
      .filter(([key]) => found.has(key) || !isMentioned(key, gathered.mistakes))
      .map(([key, text]) => `${key}: ${text} (${originText(key, found.get(key), schemas[key])})`),
    ...(environment.NODE_ENV === 'production' ? demoMistakes(schemas, found) : [])
  ]
  if (mistakes.length > 0) throw new ConfigurationError(mistakesText(mistakes))

  const values = deepFreeze(checked.values) as DeepReadonly<Static<S>>
  const misfits = sources.mistakes?.(values) ?? []
  if (misfits.length > 0) throw new ConfigurationError(mistakesText(misfits))
  const origins = Object.freeze(
    Object.fromEntries(Object.keys(checked.values).map(key => [key, found.get(key)?.origin ?? 'default']))
  )
  return Object.freeze({ values, origins, schema, describe: () => describeSettings(schemas, checked.values, origins) })
}

function foundValues(found: ReadonlyMap<string, Found>): Record<string, unknown> {
  return Object.fromEntries([...found].map(([key, { value }]) => [key, value]))
}

/** A setting whose source is broken is not also reported as missing. */
function isMentioned(key: string, mistakes: readonly string[]): boolean {
  return mistakes.some(mistake => mistake.startsWith(`${key}: `))
}

function originText(key: string, found: Found | undefined, schema: SettingSchema | undefined): string {
  if (found === undefined) return `set ${environmentName(key)} or, for a secret, ${environmentName(key)}_FILE`
  return schema?.secret === true ? found.origin : `${found.origin}: ${shownValue(schema, found.value)}`
}

function demoMistakes(schemas: Readonly<Record<string, SettingSchema>>, found: ReadonlyMap<string, Found>): string[] {
  return [...found].flatMap(([key, { value, origin }]) => {
    const prefix = schemas[key]?.demoPrefix
    const isDemo = prefix !== undefined && typeof value === 'string' && value.startsWith(prefix)
    return isDemo ? [`${key}: is a demonstration value, refused because NODE_ENV is production (${origin})`] : []
  })
}

function mistakesText(mistakes: readonly string[]): string {
  const head =
    mistakes.length === 1 ? 'The configuration has a mistake:' : `The configuration has ${mistakes.length} mistakes:`
  return [head, ...mistakes.map(mistake => `  ${mistake}`)].join('\n')
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const item of Object.values(value)) deepFreeze(item)
    Object.freeze(value)
  }
  return value
}
