import { visibleJson, visibleText } from '../visible-text.ts'
import type { SealedRecord } from '../query.ts'
import { digestOfJson, membersOfRow } from './pushed-row.ts'

/** How rows become messages. */
export interface SyslogForm {
  /** HOSTNAME, as printable ASCII. */
  readonly hostname: string
  /** Private enterprise number in the id of the structured data. */
  readonly enterpriseId: string
  /** Longest message, in bytes; at least {@link LEAST_SYSLOG_BYTES}. */
  readonly maxBytes: number
}

/** "log audit". @see RFC 5424 §6.2.1 */
const FACILITY = 13
/** Informational, warning, error. @see RFC 5424 §6.2.1 */
const SYSLOG_SEVERITIES = { success: 6, denied: 4, failure: 3 } as const
/** What is found and joined by; everything else is in the text of the message alone. */
const PARAMETERS = [
  'id',
  'sequence',
  'action',
  'outcome',
  'reason',
  'subject',
  'clientId',
  'resourceType',
  'resourceId',
  'requestId',
  'traceId',
  'txn',
  'repeats'
] as const satisfies readonly (keyof SealedRecord)[]
/** Thirteen values of this length, every character escaped, leave room for a text in {@link LEAST_SYSLOG_BYTES}. */
const LONGEST_VALUE_BYTES = 80
/** What every message fits into, whatever is in its row. */
export const LEAST_SYSLOG_BYTES = 4096
const UTF8_BOM = '\ufeff'
const NIL = '-'

/**
 * A row as a syslog message: structured data to search by, and the whole row as JSON. No text of a row has a control
 * character any more, or one that reorders or hides others, so that nothing in it ends a message or pretends to be one.
 * What is too long is left out and described by its length and hash: first `detail`, then the row.
 * @see RFC 5424 §6
 */
export function syslogMessage(row: SealedRecord, form: SyslogForm): Buffer {
  const start = `${headerOf(row, form)} ${structuredData(row, form.enterpriseId)} ${UTF8_BOM}`
  let message = Buffer.alloc(0)
  for (const content of contentsOf(row)) {
    message = Buffer.from(start + visibleJson(content).toWellFormed())
    if (message.byteLength <= form.maxBytes) break
  }
  return message
}

/** From all of it to hardly anything. */
function contentsOf(row: SealedRecord): object[] {
  const whole = Object.fromEntries(membersOfRow(row))
  const { id, sequence, chainHash } = row
  return [
    whole,
    { ...whole, detail: { truncated: true, ...digestOfJson(row.detail) } },
    { id, sequence, chainHash, truncated: true, ...digestOfJson(whole) }
  ]
}

/** @see RFC 5424 §6.2 */
function headerOf({ outcome, occurredAt, process, action }: SealedRecord, { hostname }: SyslogForm): string {
  const priority = FACILITY * 8 + SYSLOG_SEVERITIES[outcome]
  return `<${priority}>1 ${occurredAt} ${headerField(hostname, 255)} ${headerField(process, 48)} - ${headerField(action, 32)}`
}

function headerField(text: string, longest: number): string {
  const printable = text.replaceAll(/[^!-~]/g, '_').slice(0, longest)
  return printable === '' ? NIL : printable
}

/** @see RFC 5424 §6.3 */
function structuredData(row: SealedRecord, enterpriseId: string): string {
  const parameters = PARAMETERS.flatMap(name => {
    const value = row[name]
    return value === null ? [] : [` ${name}="${parameterValue(`${value}`)}"`]
  })
  return `[sallyport@${enterpriseId}${parameters.join('')}]`
}

/** The quote, the backslash and the bracket are escaped. @see RFC 5424 §6.3.3 */
function parameterValue(text: string): string {
  return shortValue(visibleText(text), LONGEST_VALUE_BYTES).replaceAll(/["\\\]]/g, '\\$&')
}

/** Cut between characters: half of one is no UTF-8. */
function shortValue(text: string, longest: number): string {
  if (Buffer.byteLength(text) <= longest) return text
  let [cut, bytes] = ['', 0]
  for (const character of text) {
    bytes += Buffer.byteLength(character)
    if (bytes > longest - 3) return `${cut}…`
    cut += character
  }
  return cut
}
