import type { Knex } from 'knex'
import { runNamed } from './connection.ts'
import { columnTexts, givenElements, INSERTED_COLUMNS } from './insert-together.ts'
import type { AuditRecord, BuiltRecord } from './record.ts'
import type { AuditStore } from './store.ts'

/** An effect, and the row that is committed with it; `null` where there is no trail. */
export interface AuditedEffect<Effect> {
  readonly effect: Effect
  readonly row: AuditRecord | null
}

/** How effects of one kind are written as SQL. */
export interface EffectStatement<Effect> {
  /** Of the prepared statement: unique among those of the process. */
  readonly name: string
  /** The columns of `asked`, which has a row for each effect, with their types; there is `place` (a number) too. */
  readonly columns: Readonly<Record<string, 'bytea' | 'text' | 'timestamptz' | 'uuid'>>
  /**
   * Members of a `with` that do the effects in `asked`. One of them is named `effected` and has the `place` of each
   * effect that was done, once: the others have done nothing.
   */
  readonly effects: string
  /** What goes into the columns, in their order. */
  readonly valuesOf: (effect: Effect) => ReadonlyArray<string | Buffer | null>
}

/** Does effects, and commits each together with its row. Says which of them were done, by their place in the list. */
export type CommitEffects<Effect> = (
  db: Knex,
  effects: ReadonlyArray<AuditedEffect<Effect>>
) => Promise<ReadonlySet<number>>

/**
 * Makes one statement of effects and their rows in the trail. A row is inserted for exactly the effects that were done:
 * both are in one statement, which is committed as a whole or not at all. On a pool that is a commit without a
 * transaction around it; in a transaction it is part of that.
 */
export function auditedEffects<Effect>(statement: EffectStatement<Effect>): CommitEffects<Effect> {
  const { name, valuesOf } = statement
  const text = statementText(statement)
  return async (db, effects) => {
    const asked = effects.map(({ effect }) => valuesOf(effect))
    const columns = Object.keys(statement.columns).map((_, column) => asked.map(values => values[column] ?? null))
    const rows = effects.flatMap(({ row }, index) => (row === null ? [] : [{ row, place: index + 1 }]))
    const values = [...columns, rows.map(({ place }) => place), ...columnTexts(rows.map(({ row }) => row))]
    const effected = await runNamed<{ readonly place: string }>(db, { name, text, values })
    return new Set(effected.map(({ place }) => Number(place) - 1))
  }
}

function statementText({ columns, effects }: EffectStatement<never>): string {
  const names = Object.keys(columns)
  const arrays = Object.values(columns).map((type, index) => `$${index + 1}::${type}[]`)
  const inserted = INSERTED_COLUMNS.join(', ')
  return `with asked as (
    select * from unnest(${arrays.join(', ')}) with ordinality as asked (${names.join(', ')}, place)
  ), ${effects}, audited as (
    insert into audit_events (${inserted})
    select ${inserted}
    from (select unnest($${names.length + 1}::bigint[]) as place_of_effect, ${givenElements(names.length + 2)}) as added
    where place_of_effect in (select place from effected)
  )
  select place from effected`
}

/** The row of an effect as it is stored. Rejects where the store of the trail takes no such rows. */
export async function sealedForEffect({ seal }: AuditStore, built: BuiltRecord): Promise<AuditRecord> {
  const [record] = (await seal?.([built])) ?? []
  if (record === undefined) throw new Error('the store of this trail takes no rows that are written with effects')
  return record
}
