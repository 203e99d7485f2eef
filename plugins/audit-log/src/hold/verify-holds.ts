import { canonicalJson, isJsonObject, type JsonValue } from '@sallyport/security-context/mechanics'
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

interface HoldRow {
  readonly id: string
  readonly name: string
  readonly filter: JsonValue
  readonly over_own_issuer: boolean
  readonly event_id: string
}

interface ReleaseRow {
  readonly hold_id: string
  readonly event_id: string
}

const WRONG = 'hold-wrong'

/**
 * Compares holds and their releases with the rows that say them, both ways: whoever owns the database can add, change
 * and remove the one, and not the other. Of one name there is one live hold at a time, so the order of the rows says
 * which hold a release is of.
 */
export async function holdProblem(
  trx: Knex.Transaction,
  prunings: Prunings
): Promise<StatementProblem<'hold-wrong'> | null> {
  const stating = await readStatingRows(trx, [STATING_ACTIONS.hold, STATING_ACTIONS.release])
  const { rows: holds } = await trx.raw<Rows<HoldRow>>(
    'select id, name, filter, over_own_issuer, event_id from audit_holds'
  )
  const { rows: releases } = await trx.raw<Rows<ReleaseRow>>('select hold_id, event_id from audit_hold_releases')
  const wrong = wrongStatement(stating, holds, releases)
  if (wrong !== null) return { problem: WRONG, sequence: wrong.sequence }
  const said = new Set(stating.map(({ record }) => record.id))
  const unsaid = [...holds, ...releases].map(({ event_id: id }) => id).filter(id => !said.has(id))
  const pruned = await prunedEvents(trx, prunings, unsaid)
  return unsaid.every(id => pruned.has(id)) ? null : { problem: WRONG, sequence: null }
}

/** The first row that says what the tables do not have. */
function wrongStatement(
  stating: readonly StatingRow[],
  holds: readonly HoldRow[],
  releases: readonly ReleaseRow[]
): StatingRow | null {
  const said = new Set(stating.map(({ record }) => record.id))
  const holdOf = new Map(holds.map(hold => [hold.id, hold]))
  /** The row of the live hold of a name. */
  const live = new Map<string, string>()
  for (const row of stating) {
    const { id, action, detail } = row.record
    const isHold = action === STATING_ACTIONS.hold
    const [hold, ...more] = isHold
      ? holds.filter(each => each.event_id === id)
      : releases.filter(each => each.event_id === id).map(release => holdOf.get(release.hold_id))
    if (!row.isTrue || hold === undefined || more.length > 0 || !isJsonObject(detail)) return row
    if (detail.name !== hold.name || (isHold && !saysHold(detail, hold))) return row
    const before = live.get(hold.name)
    // Of a hold whose row was pruned, nothing says when it was placed.
    if (!isHold && (before === undefined ? said.has(hold.event_id) : before !== hold.event_id)) return row
    if (isHold) live.set(hold.name, id)
    else live.delete(hold.name)
  }
  return null
}

/** Rows of earlier releases do not say whether the issuer is the trail's own. */
function saysHold(detail: Readonly<Record<string, JsonValue>>, hold: HoldRow): boolean {
  const { filter = null, overOwnIssuer = hold.over_own_issuer } = detail
  return canonicalJson(filter) === canonicalJson(hold.filter) && overOwnIssuer === hold.over_own_issuer
}
