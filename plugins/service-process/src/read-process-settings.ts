import { loadSettings } from '@sallyport/configuration'
import { defined } from '@sallyport/security-context/mechanics'
import type { TObject } from 'typebox'
import type { ProcessDefinition } from './run-service.ts'
import { type ProcessProperties, type ProcessSettings, processSettingsMistakes } from './settings.ts'

/** What reading settings needs of a process. */
export type SettingsDefinition<Schema extends TObject<ProcessProperties>> = Pick<
  ProcessDefinition<Schema, unknown>,
  'settings' | 'mistakes' | 'prefix'
>

/**
 * Reads the settings of a process.
 * @throws `SALLYPORT_CONFIGURATION_INVALID`
 */
export function readProcessSettings<Schema extends TObject<ProcessProperties>>(
  { settings: schema, mistakes, prefix }: SettingsDefinition<Schema>,
  environment: Readonly<Record<string, string | undefined>>
) {
  return loadSettings({
    schema,
    environment,
    ...defined({ prefix }),
    mistakes: values => {
      const shared: ProcessSettings = values
      return [...processSettingsMistakes(shared), ...(mistakes?.(values) ?? [])]
    }
  })
}
