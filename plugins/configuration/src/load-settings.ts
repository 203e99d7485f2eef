import type { Static, TObject } from 'typebox'
import type { DeepReadonly } from './deep-readonly.ts'
import { readDirectories } from './directories.ts'
import { describeSettings, explainSettings, shownValue } from './describe.ts'
import { ConfigurationError } from './errors.ts'
import { environmentName } from './names.ts'
import { readSettingsSources, type Settings, type SettingsSources } from './options.ts'
import { readPulled } from './pulled.ts'
import { schemaMistakes, type SettingSchema } from './schema.ts'
import { readEnvironment, readFiles, type Found } from './sources.ts'
import { checkValues, coerceStrings, type CheckedValues, type Violations } from './validate.ts'

/** What the sources hold, ready to be checked against the schema. */
export interface GatheredSettings<S extends TObject> {
  readonly sources: SettingsSources<S>
  /** Of the names of environment variables. */
  readonly prefix: string
  /** Values of the files as they are; those that are texts elsewhere as the types of the schema. */
  readonly data: Record<string, unknown>
  readonly found: ReadonlyMap<string, Found>
  readonly violations: Violations
  /** Mistakes of the sources and of the schema itself. */
  readonly mistakes: readonly string[]
}

/**
 * Reads settings from defaults, a configuration server, JSON and YAML files, mounted directories, environment variables
 * and the files that `*_FILE` variables name, in this order, the later over the earlier. Files need the right types; in
 * all others strings are coerced to the types of the schema. Unknown keys, and unknown variables that begin with the
 * prefix, are mistakes.
 * @throws {ConfigurationOptionsError} `SALLYPORT_CONFIGURATION_OPTIONS_INVALID`
 * @throws {ConfigurationError} `SALLYPORT_CONFIGURATION_INVALID`, with every mistake and the origin of its value
 */
export function loadSettings<S extends TObject>(sources: SettingsSources<S>): Settings<Static<S>> {
  const gathered = gatherSettings(sources)
  return settle(gathered, checkValues(sources.schema, gathered.data))
}

/** Reads the sources, and checks nothing yet but the sources themselves. */
export function gatherSettings<S extends TObject>(sources: SettingsSources<S>): GatheredSettings<S> {
  const { schema, environment } = sources
  const { prefix, files: paths, directories: folders } = readSettingsSources(sources)
  const schemas: Readonly<Record<string, SettingSchema>> = schema.properties
  const files = readFiles(schemas, paths)
  const directories = readDirectories(schemas, folders, prefix)
  const variables = readEnvironment(schemas, environment, prefix)
  const pushed = new Map([...files.found, ...directories.found, ...variables.found])
  const pulled = readPulled(schemas, sources.pulled)
  // What is pushed as well is not looked at: its message would name the wrong origin.
  const taken = new Map([...pulled.found].filter(([key]) => !pushed.has(key)))
  const texts = coerceStrings(schema, foundValues(new Map([...directories.found, ...variables.found])))
  const pulledTexts = coerceStrings(schema, foundValues(taken))
  return {
    sources,
    prefix,
    data: { ...pulledTexts.values, ...foundValues(files.found), ...texts.values },
    found: new Map([...taken, ...pushed]),
    violations: new Map([...pulledTexts.violations, ...texts.violations]),
    mistakes: [
      ...schemaMistakes(schemas),
      ...pulled.mistakes,
      ...files.mistakes,
      ...directories.mistakes,
      ...variables.mistakes
    ]
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
      .map(([key, text]) => `${key}: ${text} (${originText(key, found.get(key), schemas[key], gathered.prefix)})`),
    ...(environment.NODE_ENV === 'production' ? demoMistakes(schemas, found) : [])
  ]
  if (mistakes.length > 0) throw new ConfigurationError(mistakesText(mistakes))

  const values = deepFreeze(checked.values) as DeepReadonly<Static<S>>
  const misfits = sources.mistakes?.(values) ?? []
  if (misfits.length > 0) throw new ConfigurationError(mistakesText(misfits))
  const origins = Object.freeze(
    Object.fromEntries(Object.keys(checked.values).map(key => [key, found.get(key)?.origin ?? 'default']))
  )
  return Object.freeze({
    values,
    origins,
    schema,
    describe: () => describeSettings(schemas, checked.values, origins),
    explain: () => explainSettings(schemas, checked.values, origins, gathered.prefix)
  })
}

function foundValues(found: ReadonlyMap<string, Found>): Record<string, unknown> {
  return Object.fromEntries([...found].map(([key, { value }]) => [key, value]))
}

/** A setting whose source is broken is not also reported as missing. */
function isMentioned(key: string, mistakes: readonly string[]): boolean {
  return mistakes.some(mistake => mistake.startsWith(`${key}: `))
}

function originText(key: string, found: Found | undefined, schema: SettingSchema | undefined, prefix: string): string {
  const name = environmentName(key, prefix)
  if (found === undefined) return `set ${name} or, for a secret, ${name}_FILE`
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
