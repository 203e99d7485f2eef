import { isJsonObject, type JsonValue } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'
import type { Rows } from '../seal-pending.ts'
import {
  prunedEvents,
  readStatingRows,
  STATING_ACTIONS,
  type StatementProblem,
  type StatingRow
} from '../stating-rows.ts'
import type { Prunings } from '../verify-prunings.ts'
import { ERASED_AT_TEXT, erasuresDigest, type StatedErasure } from './stated-erasure.ts'

interface ErasureRow extends StatedErasure {
  readonly event_id: string
}

const WRONG = 'erasure-wrong'
/** Rows of earlier releases say when they were written, by the clock of their process, and not when the erasure was. */
const CLOCKS_DIFFER_MS = 86_400_000

/**
 * Compares erasures with the rows that say them, both ways: whoever owns the database can take an erasure away, so that
 * keys of an older copy open rows again, or set its time into the future, so that later values of the person are gone.
 */
export async function erasureProblem(
  trx: Knex.Transaction,
  prunings: Prunings
): Promise<StatementProblem<'erasure-wrong'> | null> {
  const stating = await readStatingRows(trx, [STATING_ACTIONS.erase, STATING_ACTIONS.eraseAgain])
  const { rows: erasures } = await trx.raw<Rows<ErasureRow>>(
    `select coalesce(subject, issuer_subject) as subject, issuer, ${ERASED_AT_TEXT} as "erasedAt", event_id
    from audit_erasures`
  )
  const byEvent = Map.groupBy(erasures, each => each.event_id)
  const wrong = stating.find(row => !row.isTrue || !saysErasures(row, byEvent.get(row.record.id) ?? []))
  if (wrong !== undefined) return { problem: WRONG, sequence: wrong.sequence }
  const said = new Set(stating.map(({ record }) => record.id))
  const unsaid = [...byEvent.keys()].filter(id => !said.has(id))
  const pruned = await prunedEvents(trx, prunings, unsaid)
  return unsaid.every(id => pruned.has(id)) ? null : { problem: WRONG, sequence: null }
}

function saysErasures({ record }: StatingRow, erasures: readonly ErasureRow[]): boolean {
  const { detail } = record
  if (!isJsonObject(detail)) return false
  const occurredAtMs = Date.parse(record.occurredAt)
  const isInTime = erasures.every(({ erasedAt }) => Date.parse(erasedAt) <= occurredAtMs + CLOCKS_DIFFER_MS)
  if (record.action === STATING_ACTIONS.eraseAgain) {
    if (typeof detail.digest === 'string') return erasuresDigest(erasures) === detail.digest
    return isInTime && erasures.length <= Number(detail.erasures)
  }
  const [erasure, ...more] = erasures
  if (erasure === undefined || more.length > 0) return false
  const isOfPerson = erasure.subject === record.resourceId && erasure.issuer === (detail.issuer ?? null)
  return (
    isOfPerson &&
    (saysTime(detail, erasure) ?? (isInTime && Date.parse(erasure.erasedAt) >= occurredAtMs - CLOCKS_DIFFER_MS))
  )
}

/** `null`: an earlier release wrote the row. */
function saysTime({ erasedAt }: Readonly<Record<string, JsonValue>>, erasure: StatedErasure): boolean | null {
  return erasedAt === undefined ? null : erasedAt === erasure.erasedAt
}
