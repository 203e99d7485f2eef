import { createHash } from 'node:crypto'
import { canonicalJson } from '@sallyport/security-context/mechanics'

/** An erasure, as the row of the trail says it. */
export interface StatedErasure {
  readonly subject: string
  /** `null`: the trail's own. */
  readonly issuer: string | null
  /** UTC, with microseconds. */
  readonly erasedAt: string
}

const TIME_FORM = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`
/** The time of a row of `audit_erasures`, as it is stated. */
export const ERASED_AT_TEXT = `to_char(erased_at at time zone 'UTC', ${TIME_FORM})`
/** Now, as it is stated. */
export const ERASED_NOW_TEXT = `to_char(clock_timestamp() at time zone 'UTC', ${TIME_FORM})`

/** SHA-256 over the canonical JSON of erasures in the order of their texts, hexadecimal: a row has room for no list. */
export function erasuresDigest(erasures: readonly StatedErasure[]): string {
  const texts = erasures.map(({ subject, issuer, erasedAt }) => canonicalJson({ subject, issuer, erasedAt })).toSorted()
  return createHash('sha256').update(canonicalJson(texts)).digest('hex')
}
