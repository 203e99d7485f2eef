import { createHash } from 'node:crypto'
import { canonicalJson, type JsonValue } from '@sallyport/security-context/mechanics'
import type { RecordRules } from '../build-record.ts'
import { concealPersonal } from '../privacy/read-personal.ts'
import { FIELDS_WITHOUT_REQUEST } from '../pruning-mark.ts'
import type { SealedRecord } from '../query.ts'

/**
 * A row as it leaves: what it says of a person is not sent, not even sealed, so that erasing a person reaches what the
 * receiver keeps. Rows of one person can still be joined by `subject` and by their tags.
 */
export function rowToPush(row: SealedRecord, rules: RecordRules): SealedRecord {
  return { ...concealPersonal(row, rules), sealed: null }
}

/**
 * A row without anything that somebody chose freely: it takes the place of one that the receiver refuses, so that no
 * text keeps the rows after it from being pushed, and the receiver knows that there is one.
 */
export function bareRow(row: SealedRecord): SealedRecord {
  const { sequence, chainHash, version, id, occurredAt, process, outcome, repeats } = row
  return {
    ...{ sequence, chainHash, version, id, occurredAt, process, outcome, repeats },
    ...FIELDS_WITHOUT_REQUEST,
    action: 'audit.row-refused',
    detail: { refused: digestOfJson(row) }
  }
}

/** What stands for JSON that is left out. */
export function digestOfJson(value: object | JsonValue): { readonly bytes: number; readonly sha256: string } {
  const text = canonicalJson(value as JsonValue)
  return { bytes: Buffer.byteLength(text), sha256: createHash('sha256').update(text).digest('hex') }
}

/** Members of a row that have a value, in the order of the record, without `sealed`. */
export function membersOfRow(row: SealedRecord): [string, JsonValue][] {
  return Object.entries(row).filter(([name, value]) => value !== null && name !== 'sealed') as [string, JsonValue][]
}
