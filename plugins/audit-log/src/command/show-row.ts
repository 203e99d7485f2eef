import type { PersonalRow } from '../privacy/read-personal.ts'
import type { SealedRecord } from '../query.ts'
import { visibleJson, visibleText } from '../visible-text.ts'

/**
 * A row on one line: as JSON, or for a person, with the name, address and program where they were read. Nothing in it
 * can end the line or command the terminal.
 */
export function showRow(row: SealedRecord | PersonalRow<SealedRecord>, asJson: boolean): string {
  if (asJson) return `${visibleJson(row)}\n`
  const { occurredAt, sequence, process, outcome, action, subject, clientId, resourceType, resourceId, reason } = row
  const who = subject ?? clientId ?? '-'
  const resource = resourceType === null ? '-' : `${resourceType}/${resourceId ?? ''}`
  const repeats = row.repeats > 1 ? [`× ${row.repeats}`] : []
  const fields = [
    occurredAt,
    `#${sequence}`,
    process,
    outcome,
    action,
    who,
    resource,
    reason ?? '-',
    ...repeats,
    ...shownPerson(row)
  ]
  // Rows of other processes come over the network: what should be a text may be anything.
  return `${fields.map(field => visibleText(String(field))).join('  ')}\n`
}

function shownPerson(row: SealedRecord | PersonalRow<SealedRecord>): string[] {
  if (!('personal' in row)) return []
  const { nameTried, sourceAddress, userAgent } = row.personal ?? {}
  const values = [nameTried, sourceAddress, userAgent].filter(value => value !== undefined)
  return row.erased ? [...values, '(erased)'] : values
}
