import type { Knex } from 'knex'
import { holdProblem } from './hold/verify-holds.ts'
import { erasureProblem } from './privacy/verify-erasures.ts'
import type { StatementProblem } from './stating-rows.ts'
import type { Prunings } from './verify-prunings.ts'

/** The first table that is not what rows of the trail say of it; `null`: all are. */
export async function statementProblem(
  trx: Knex.Transaction,
  prunings: Prunings
): Promise<StatementProblem<'hold-wrong' | 'erasure-wrong'> | null> {
  return (await holdProblem(trx, prunings)) ?? (await erasureProblem(trx, prunings))
}
