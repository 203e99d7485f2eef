import { loadSettings, type DeepReadonly } from '@sallyport/configuration'
import { defined } from '@sallyport/security-context/mechanics'
import type { Static, TObject } from 'typebox'
import type { PlacedSources } from './settings-sources.ts'
import { type ProcessProperties, type ProcessSettings, processSettingsMistakes } from './settings.ts'

/** The settings of a service, by its schema. */
export type SettingsOf<Schema extends TObject> = DeepReadonly<Static<Schema>>

/** What says which settings a process has. */
export interface SettingsDefinition<Schema extends TObject<ProcessProperties>> {
  /** {@link processSettings} and the settings of the service. */
  readonly settings: Schema
  /**
   * Checks of the service's own settings that a schema cannot express: one sentence per mistake, without secrets. The
   * environment is for references in files that the settings name.
   */
  readonly mistakes?: (
    settings: SettingsOf<Schema>,
    environment: Readonly<Record<string, string | undefined>>
  ) => readonly string[]
  /** With which the names of environment variables begin. Default `SALLYPORT_`. */
  readonly prefix?: string
}

/**
 * Reads the settings of a process.
 * @throws `SALLYPORT_CONFIGURATION_INVALID`
 */
export function readProcessSettings<Schema extends TObject<ProcessProperties>>(
  { settings: schema, mistakes, prefix }: SettingsDefinition<Schema>,
  environment: Readonly<Record<string, string | undefined>>,
  placed: Partial<PlacedSources> = {}
) {
  return loadSettings({
    schema,
    environment,
    ...placed,
    ...defined({ prefix }),
    mistakes: values => {
      const shared: ProcessSettings = values
      return [...processSettingsMistakes(shared), ...(mistakes?.(values, environment) ?? [])]
    }
  })
}
