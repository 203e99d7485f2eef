import type { Knex } from 'knex'
import { contentProblem, SELECT_RECORD, type AuditRecord } from './record.ts'
import type { Rows } from './seal-pending.ts'
import { IS_ABOUT_TO_BE_SEALED, isPrunedPlace, WATERMARK_AND_END, type Prunings } from './verify-prunings.ts'

/** Actions of rows that say what another table has. No pruning takes such a row: the table is compared with it. */
export const STATING_ACTIONS = {
  hold: 'audit.hold',
  release: 'audit.release',
  erase: 'audit.erase',
  eraseAgain: 'audit.erase-again'
} as const

/** A row that says what was done to another table. */
export interface StatingRow {
  /** `null`: the next run of the sealer finds it. */
  readonly sequence: number | null
  /** It is as it was written, and in the chain or about to be. */
  readonly isTrue: boolean
  readonly record: AuditRecord
}

type StatingColumns = {
  readonly content_hash: Buffer | null
  readonly seal_hash: Buffer | null
  readonly sequence: string | null
  readonly is_coming: boolean
} & AuditRecord

/** The rows of these actions, in the order of the chain. They are few, and found by an index. */
export async function readStatingRows(trx: Knex.Transaction, actions: readonly string[]): Promise<StatingRow[]> {
  const { rows } = await trx.raw<Rows<StatingColumns>>(
    `
    select e.content_hash, s.content_hash as seal_hash, s.sequence, ${IS_ABOUT_TO_BE_SEALED} as is_coming, ${SELECT_RECORD}
    from audit_events e left join audit_seals s on s.event_id = e.id, ${WATERMARK_AND_END}
    where e.action = any(?::text[]) order by s.sequence nulls last, e.transaction_id, e.occurred_at`,
    [[...actions]]
  )
  return rows.map(({ content_hash: hash, seal_hash: sealed, sequence, is_coming: isComing, ...record }) => ({
    sequence: sequence === null ? null : Number(sequence),
    isTrue:
      hash !== null &&
      (sequence === null ? isComing : sealed?.equals(hash) === true) &&
      contentProblem(record, hash) === null,
    record
  }))
}

/** Which of these rows of the trail an earlier release has pruned, so that nothing can be compared with them. */
export async function prunedEvents(
  trx: Knex.Transaction,
  prunings: Prunings,
  ids: readonly string[]
): Promise<Set<string>> {
  if (ids.length === 0) return new Set()
  const { rows } = await trx.raw<Rows<{ id: string; sequence: string }>>(
    `select event_id as id, sequence from audit_seals s where event_id = any(?::uuid[])
      and not exists (select from audit_events e where e.id = s.event_id)`,
    [[...ids]]
  )
  return new Set(rows.filter(({ sequence }) => isPrunedPlace(prunings, Number(sequence))).map(({ id }) => id))
}

/** What is wrong between a table and the rows that state it; `null`: nothing is. */
export interface StatementProblem<Problem extends string> {
  readonly problem: Problem
  /** Of the row, where one in the chain is concerned. */
  readonly sequence: number | null
}
