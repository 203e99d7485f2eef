import {
  customOption,
  functionOption,
  listOf,
  objectWith,
  optionsObject,
  readOptions,
  Type
} from '@sallyport/security-context/options'
import type { Static, TObject } from 'typebox'
import type { DeepReadonly } from './deep-readonly.ts'
import type { ExplainedSetting } from './describe.ts'
import { ConfigurationOptionsError } from './errors.ts'
import type { LiveSettings } from './live-settings.ts'
import type { PulledValues } from './pulled.ts'

/** Where settings come from. */
export interface SettingsSources<S extends TObject> {
  /** A flat TypeBox object with camelCase keys. Secrets carry `{ secret: true }`. */
  readonly schema: S
  /**
   * `process.env`, or a part of it.
   * @example process.env
   */
  readonly environment: Readonly<Record<string, string | undefined>>
  /**
   * With which the names of environment variables begin; unknown variables that begin with it are mistakes.
   * @default 'SALLYPORT_'
   */
  readonly prefix?: string
  /**
   * Paths of JSON files, and of YAML files that end in `.yaml` or `.yml`; a later one wins.
   * @default []
   */
  readonly files?: readonly string[]
  /**
   * Paths of mounted directories with one file a setting, as of a ConfigMap or a Secret; a later one wins, and all win
   * over the files.
   * @default []
   */
  readonly directories?: readonly string[]
  /** What a configuration server said; everything else but defaults wins over it. */
  readonly pulled?: PulledValues
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
  /** The same as data, with the marks of each setting. */
  explain: () => readonly ExplainedSetting[]
}

/** The live settings of the process. */
export interface LiveOption {
  readonly live: LiveSettings<unknown>
}

/** Options of the configuration plugin: settings that were loaded before, live ones, or where to load them from. */
export type ConfigurationOptions = { readonly settings: Settings<unknown> } | LiveOption | SettingsSources<TObject>

export const DEFAULT_PREFIX = 'SALLYPORT_'

export const settingsSources = optionsObject({
  schema: customOption<TObject>(
    'a flat TypeBox object',
    value => typeof value === 'object' && value !== null && 'properties' in value
  ),
  environment: customOption<object>('an object of strings', value => typeof value === 'object' && value !== null),
  prefix: customOption<string>(
    'capital letters, digits and underscores that begin with a letter and end with an underscore',
    value => typeof value === 'string' && /^[A-Z][A-Z0-9_]{0,30}_$/.test(value),
    { default: DEFAULT_PREFIX }
  ),
  files: listOf(Type.String(), { default: [] }),
  directories: listOf(Type.String(), { default: [] }),
  pulled: Type.Optional(objectWith<PulledValues>('pulled values', [])),
  mistakes: Type.Optional(functionOption())
})

const loadedSettings = optionsObject({ settings: objectWith<Settings<unknown>>('settings', ['describe']) })

const liveOption = optionsObject({ live: objectWith<LiveSettings<unknown>>('live settings', ['subscribe']) })

/**
 * The live settings of the process.
 * @throws {ConfigurationOptionsError} `SALLYPORT_CONFIGURATION_OPTIONS_INVALID`, naming every mistake
 */
export function liveSettingsIn(given: LiveOption): LiveOption {
  return readOptions({ schema: liveOption, error: ConfigurationOptionsError }, given)
}

/**
 * Checks where settings come from.
 * @throws {ConfigurationOptionsError} `SALLYPORT_CONFIGURATION_OPTIONS_INVALID`, naming every mistake
 */
export function readSettingsSources(given: SettingsSources<TObject>): {
  readonly prefix: string
  readonly files: readonly string[]
  readonly directories: readonly string[]
} {
  return readOptions({ schema: settingsSources, error: ConfigurationOptionsError }, given)
}

/**
 * The settings that were loaded before.
 * @throws {ConfigurationOptionsError} `SALLYPORT_CONFIGURATION_OPTIONS_INVALID`, naming every mistake
 */
export function settingsIn(given: { readonly settings: Settings<unknown> }): Settings<unknown> {
  return readOptions({ schema: loadedSettings, error: ConfigurationOptionsError }, given).settings
}
