// The tables of settings in READMEs: between `<!-- settings -->` and `<!-- /settings -->` stands what the schema of the
// process says. What is the same for every process is left to the table of service-process.
import { settingsSchema as authServer } from '@sallyport/auth-server'
import { settingsReference, type SettingReference } from '@sallyport/configuration'
import { settingsSchema as configurationServer } from '@sallyport/configuration-server'
import { settingsSchema as deliveryService } from '@sallyport/delivery-service'
import { settingsSchema as orderService } from '@sallyport/order-service'
import { settingsSchema as gateway } from '@sallyport/reference-gateway'
import { settingsSchema as restaurantService } from '@sallyport/restaurant-service'
import { recoverySettings, serviceSettings } from '@sallyport/service-kit'
import { processSettings } from '@sallyport/service-process'
import Type, { type TObject } from 'typebox'
import { otlpProperties } from '../../plugins/service-process/src/otlp-settings.ts'

const TABLE = /(<!-- settings -->\n)[\s\S]*?(<!-- \/settings -->)/g
const ANY_PORTS = { port: 0, operationsPort: 0 }
const everyProcess = Type.Object(processSettings(ANY_PORTS))
const everyTracer = Type.Object(otlpProperties)
const everyService = Type.Object({ ...serviceSettings(ANY_PORTS), ...recoverySettings })

/** A page with a table of settings. */
export interface SettingsPage {
  /** From the root. */
  readonly page: string
  readonly schema: TObject
  /** Whose settings the page need not repeat. */
  readonly known: TObject | null
}

/** The pages that have to have a table, one for each process and one for what processes share. */
export const SETTINGS_PAGES: readonly SettingsPage[] = [
  { page: 'plugins/service-process/README.md', schema: everyProcess, known: everyTracer },
  { page: 'docs/traces.md', schema: everyTracer, known: null },
  { page: 'reference-services/service-kit/README.md', schema: everyService, known: everyProcess },
  { page: 'auth-server/README.md', schema: authServer, known: everyProcess },
  { page: 'reference-gateway/README.md', schema: gateway, known: everyProcess },
  { page: 'reference-services/order-service/README.md', schema: orderService, known: everyService },
  { page: 'reference-services/restaurant-service/README.md', schema: restaurantService, known: everyService },
  { page: 'reference-services/delivery-service/README.md', schema: deliveryService, known: everyService },
  { page: 'reference-services/configuration-server/README.md', schema: configurationServer, known: everyService }
]

/** A page with its table of settings made anew. */
export function withSettingsTables(text: string, { schema, known }: SettingsPage): string {
  const rows = rowsBeyond(schema, known).map(row => `| ${row.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |\n`)
  return text.replaceAll(
    TABLE,
    (_all, start: string, end: string) =>
      `${start}| variable | type | default | meaning |\n|---|---|---|---|\n${rows.join('')}${end}`
  )
}

/** The settings of a schema that say nothing about themselves. */
export function undescribedSettings(schema: TObject): string[] {
  return settingsReference(schema)
    .filter(({ meaning }) => !/^.{10,}[.:]$/.test(meaning))
    .map(({ setting }) => setting)
}

function rowsBeyond(schema: TObject, known: TObject | null): string[][] {
  const repeated = new Set(known === null ? [] : settingsReference(known).map(entry => rowOf(entry).join('|')))
  return settingsReference(schema)
    .map(rowOf)
    .filter(row => !repeated.has(row.join('|')))
}

function rowOf(entry: SettingReference): string[] {
  const { variable, fileVariable, type, default: byDefault, isRequired, meaning } = entry
  const code = byDefault === null || byDefault === '' ? '' : `\`${byDefault}\``
  const names = fileVariable === null ? `\`${variable}\`` : `\`${variable}\` or \`${fileVariable}\``
  return [names, type, isRequired ? 'required' : code, meaning]
}
