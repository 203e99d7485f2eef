// The JSON Schema of a row of the trail, made from the table of its fields and what the record says about each.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CURRENT_VERSION, RECORD_COLUMNS, type RecordColumn } from '../../plugins/audit-log/src/record.ts'
import { ROOT } from './packages.ts'

/** Where it is published, from the root. */
export const AUDIT_RECORD_SCHEMA_PATH = 'plugins/audit-log/src/audit-record.schema.json'
const RECORD_SOURCE = 'plugins/audit-log/src/record.ts'
/** Never null. */
const ALWAYS_THERE: readonly string[] = ['version', 'id', 'occurredAt', 'process', 'action', 'outcome', 'repeats']

/** What the published file has to be. */
export function publishedRecordSchema(): string {
  const versions = Array.from({ length: CURRENT_VERSION }, (_, index) => index + 1)
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'https://github.com/sallyport-contributors/sallyport/blob/main/plugins/audit-log/src/audit-record.schema.json',
    title: 'A row of the audit trail',
    description:
      'As exports have it. Every version has all members; those of a later version have the value that says nothing.',
    type: 'object',
    properties: Object.fromEntries(RECORD_COLUMNS.map(column => [column.name, fieldSchema(column)])),
    required: RECORD_COLUMNS.map(({ name }) => name),
    additionalProperties: false,
    allOf: versions.slice(0, -1).map(version => ({
      if: { properties: { version: { const: version } } },
      then: { properties: Object.fromEntries(laterThan(version).map(({ name, before }) => [name, { const: before }])) }
    }))
  }
  return `${JSON.stringify(schema, null, 2)}\n`
}

const laterThan = (version: number): RecordColumn[] => RECORD_COLUMNS.filter(({ since }) => since > version)

function fieldSchema({ name, stored }: RecordColumn): object {
  const description = descriptionOf(name)
  const said = description === null ? {} : { description }
  if (name === 'version') return { ...said, type: 'integer', minimum: 1, maximum: CURRENT_VERSION }
  if (name === 'id') return { ...said, type: 'string', format: 'uuid' }
  if (name === 'outcome') return { ...said, enum: ['success', 'denied', 'failure'] }
  if (stored === 'integer') return { ...said, type: 'integer', minimum: 1 }
  if (stored === 'time') {
    return { ...said, type: 'string', pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{6}Z$' }
  }
  // Any JSON.
  if (stored === 'json') return said
  return { ...said, type: ALWAYS_THERE.includes(name) ? 'string' : ['string', 'null'] }
}

/** The comment over the member in the source. */
function descriptionOf(name: string): string | null {
  const source = readFileSync(join(ROOT, RECORD_SOURCE), 'utf8')
  const lines = source
    .slice(0, source.indexOf(`  readonly ${name}:`))
    .split('\n')
    .slice(0, -1)
  const start = lines.findLastIndex(line => line.trim().startsWith('/**'))
  const isOver = lines.at(-1)?.trim().endsWith('*/') === true && start >= 0
  if (!isOver) return null
  const comment = lines.slice(start).map(line => line.replaceAll('/**', '').replaceAll('*/', '').trim())
  return comment
    .map(line => (line.startsWith('* ') ? line.slice(2) : line))
    .join(' ')
    .trim()
}
