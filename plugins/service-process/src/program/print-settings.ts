import { settingsReference } from '@sallyport/configuration'
import type { TObject } from 'typebox'
import { readProcessSettings, type SettingsDefinition } from '../read-process-settings.ts'
import type { ProcessProperties } from '../settings.ts'

/** Prints every setting of a process: variables, type, default, meaning. */
export function printReference<Schema extends TObject<ProcessProperties>>(
  { settings, prefix }: SettingsDefinition<Schema>,
  out: (text: string) => void
): void {
  const entries = settingsReference(settings, prefix).map(entry => {
    const { variable, fileVariable, type, default: byDefault, isRequired, meaning } = entry
    const names = fileVariable === null ? variable : `${variable} or ${fileVariable}`
    const worth = isRequired ? ', required' : byDefault === null || byDefault === '' ? '' : `, default ${byDefault}`
    return `${names}\n    ${type.replaceAll('`', '')}${worth}\n    ${meaning.replaceAll('`', '')}`
  })
  out(entries.join('\n'))
}

/**
 * Prints the value of every setting and where it comes from, without secrets.
 * @throws `SALLYPORT_CONFIGURATION_INVALID`, with every mistake that would end the boot
 */
export function printValues<Schema extends TObject<ProcessProperties>>(
  definition: SettingsDefinition<Schema>,
  environment: Readonly<Record<string, string | undefined>>,
  out: (text: string) => void
): void {
  out(readProcessSettings(definition, environment).describe())
}
