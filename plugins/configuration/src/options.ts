import {
  customOption,
  functionOption,
  listOf,
  objectWith,
  optionsObject,
  readOptions,
  Type
} from '@sallyport/security-context/options'
import type { TObject } from 'typebox'
import { ConfigurationOptionsError } from './errors.ts'
import type { Settings, SettingsSources } from './load-settings.ts'

/** Options of the configuration plugin: settings that were loaded before, or where to load them from. */
export type ConfigurationOptions = { readonly settings: Settings<unknown> } | SettingsSources<TObject>

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
  mistakes: Type.Optional(functionOption())
})

const loadedSettings = optionsObject({ settings: objectWith<Settings<unknown>>('settings', ['describe']) })

/**
 * Checks where settings come from.
 * @throws {ConfigurationOptionsError} `SALLYPORT_CONFIGURATION_OPTIONS_INVALID`, naming every mistake
 */
export function readSettingsSources(given: SettingsSources<TObject>): {
  readonly prefix: string
  readonly files: readonly string[]
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
