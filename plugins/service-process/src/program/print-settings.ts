import { settingsReference, type Settings } from '@sallyport/configuration'
import type { TObject } from 'typebox'
import { loadProcessSettings, type NamedDefinition } from '../load-process-settings.ts'
import type { SettingsDefinition } from '../read-process-settings.ts'
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
export async function printValues<Schema extends TObject<ProcessProperties>>(
  definition: NamedDefinition<Schema>,
  environment: Readonly<Record<string, string | undefined>>,
  out: (text: string) => void
): Promise<void> {
  out((await loadedOnce(definition, environment)).describe())
}

/**
 * Prints the value, the origin and the marks of every setting, without secrets: a table, or JSON.
 * @throws as the start of the process does
 */
export async function explainValues<Schema extends TObject<ProcessProperties>>(
  definition: NamedDefinition<Schema>,
  environment: Readonly<Record<string, string | undefined>>,
  asJson: boolean,
  out: (text: string) => void
): Promise<void> {
  const explained = (await loadedOnce(definition, environment)).explain()
  if (asJson) {
    out(JSON.stringify(explained, null, 2))
    return
  }
  const rows = explained.map(({ setting, shown, origin, live, pulled }) => {
    const marks = [...(live ? ['live'] : []), ...(pulled ? ['pulled'] : [])].join(', ')
    return [setting, shown, origin, marks]
  })
  const widths = [0, 1, 2].map(column => Math.max(...rows.map(row => row[column]?.length ?? 0)))
  out(
    rows
      .map(row =>
        row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()
      )
      .join('\n')
  )
}

async function loadedOnce<Schema extends TObject<ProcessProperties>>(
  definition: NamedDefinition<Schema>,
  environment: Readonly<Record<string, string | undefined>>
): Promise<Settings<unknown>> {
  const { first, server } = await loadProcessSettings(definition, environment)
  await server?.close()
  return first
}
