import type { JsonValue } from '@sallyport/security-context/mechanics'
import type { SealedRecord } from '../query.ts'
import { visibleJson } from '../visible-text.ts'
import { membersOfRow } from './pushed-row.ts'

/** INFO, WARN and ERROR. @see OpenTelemetry logs data model, SeverityNumber */
const OTLP_SEVERITIES = {
  success: { severityNumber: 9, severityText: 'INFO' },
  denied: { severityNumber: 13, severityText: 'WARN' },
  failure: { severityNumber: 17, severityText: 'ERROR' }
} as const
const PUSHED_TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/

/**
 * Rows as the JSON of an OTLP request for logs. `log.record.uid` is the id of the row: a receiver may drop a second
 * record that has it.
 * @param resource who sends them
 * @see OTLP 1.x, JSON Protobuf encoding; OpenTelemetry semantic conventions, log.record.uid
 */
export function otlpLogs(rows: readonly SealedRecord[], resource: Readonly<Record<string, string>>): string {
  return visibleJson({
    resourceLogs: [
      {
        resource: { attributes: Object.entries(resource).map(([name, value]) => logAttribute(name, value)) },
        scopeLogs: [{ scope: { name: '@sallyport/audit-log' }, logRecords: rows.map(logRecord) }]
      }
    ]
  })
}

function logRecord(row: SealedRecord): object {
  const { id, occurredAt, action, outcome, traceId } = row
  return {
    timeUnixNano: nanosecondsOf(occurredAt),
    ...OTLP_SEVERITIES[outcome],
    eventName: 'sallyport.audit',
    body: { stringValue: `${action} ${outcome}`.toWellFormed() },
    attributes: [
      logAttribute('log.record.uid', id),
      ...membersOfRow(row).map(([name, value]) => logAttribute(`sallyport.audit.${snakeCase(name)}`, value))
    ],
    ...(traceId !== null && PUSHED_TRACE_ID.test(traceId) && { traceId })
  }
}

/** Numbers of a row are whole; what is deeper is a text of JSON, which every receiver keeps as it is. */
function logAttribute(key: string, value: JsonValue): object {
  if (typeof value === 'number') return { key, value: { intValue: `${value}` } }
  const text = typeof value === 'string' ? value : visibleJson(value)
  return { key, value: { stringValue: text.toWellFormed() } }
}

const snakeCase = (name: string): string => name.replaceAll(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)

/** Of a time with six digits behind the seconds, as rows have it. */
function nanosecondsOf(time: string): string {
  const micros = /\.\d{3}(\d{3})Z$/.exec(time)?.[1] ?? '000'
  return `${Date.parse(time)}${micros}000`
}
