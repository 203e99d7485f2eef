import { callTogether } from '@sallyport/security-context'
import type { Knex } from 'knex'
import { runNamed, type NamedStatement } from './connection.ts'
import { columnTexts, givenValues, INSERTED_COLUMNS, rowElements } from './insert-together.ts'
import { rowValues, type AuditRecord, type BuiltRecord } from './record.ts'
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
  const [many, one] = [textForMany(statement), textForOne(statement)]
  const [manyBare, bare] = [textWithoutRows(statement), textWithoutRow(statement)]

  function namedStatement(effects: ReadonlyArray<AuditedEffect<Effect>>): NamedStatement {
    const [first, ...more] = effects
    if (first !== undefined && more.length === 0) {
      const values = valuesOf(first.effect)
      if (first.row === null) return { name: `${name}-without-row`, text: bare, values }
      return { name: `${name}-of-one`, text: one, values: [...values, ...rowValues(first.row)] }
    }
    const asked = effects.map(({ effect }) => valuesOf(effect))
    const columns = Object.keys(statement.columns).map((_, column) => asked.map(values => values[column] ?? null))
    const rows = effects.flatMap(({ row }, index) => (row === null ? [] : [{ row, place: index + 1 }]))
    if (rows.length === 0) return { name: `${name}-without-rows`, text: manyBare, values: columns }
    const values = [...columns, rows.map(({ place }) => place), ...columnTexts(rows.map(({ row }) => row))]
    return { name, text: many, values }
  }

  return async (db, effects) => {
    const effected = await runNamed<{ readonly place: string }>(db, namedStatement(effects))
    return new Set(effected.map(({ place }) => Number(place) - 1))
  }
}

/**
 * Effects of concurrent requests go together: one statement and one commit for all of them, each with its row. Says
 * whether the effect was done. What the database cannot take is tried apart, so that it fails nobody else; a lone
 * request waits for nobody.
 * @param db the pool
 * @param commit must not wait for what others hold: it would hold up everybody
 */
export function effectsTogether<Effect>(
  db: Knex,
  commit: CommitEffects<Effect>
): (asked: AuditedEffect<Effect>) => Promise<boolean> {
  return callTogether(async (effects: ReadonlyArray<AuditedEffect<Effect>>) => {
    const done = await commit(db, effects)
    const places = new Map(effects.map((asked, place) => [asked, place]))
    return asked => done.has(places.get(asked) ?? -1)
  })
}

const INSERTED = INSERTED_COLUMNS.join(', ')

function textForMany({ columns, effects }: EffectStatement<never>): string {
  const first = Object.keys(columns).length + 1
  return `with ${askedMany(columns)}, ${effects}, audited as (
    insert into audit_events (${INSERTED})
    select ${INSERTED}
    from (select unnest($${first}::bigint[]) as place_of_effect, ${rowElements(first + 1)}) as added
    where place_of_effect in (select place from effected)
  )
  select place from effected`
}

/** One effect needs no arrays, which cost more to open than a row does to insert. */
function textForOne({ columns, effects }: EffectStatement<never>): string {
  return `with ${askedOne(columns)}, ${effects}, audited as (
    insert into audit_events (${INSERTED})
    select ${givenValues(Object.keys(columns).length + 1)} where exists (select from effected)
  )
  select place from effected`
}

function textWithoutRows({ columns, effects }: EffectStatement<never>): string {
  return `with ${askedMany(columns)}, ${effects} select place from effected`
}

function textWithoutRow({ columns, effects }: EffectStatement<never>): string {
  return `with ${askedOne(columns)}, ${effects} select place from effected`
}

function askedMany(columns: EffectStatement<never>['columns']): string {
  const arrays = Object.values(columns).map((type, index) => `$${index + 1}::${type}[]`)
  return `asked as (
    select * from unnest(${arrays.join(', ')}) with ordinality as asked (${Object.keys(columns).join(', ')}, place)
  )`
}

function askedOne(columns: EffectStatement<never>['columns']): string {
  const given = Object.entries(columns).map(([name, type], index) => `$${index + 1}::${type} as ${name}`)
  return `asked as (select ${given.join(', ')}, 1::bigint as place)`
}

/** The row of an effect as it is stored. Rejects where the store of the trail takes no such rows. */
export async function sealedForEffect({ seal }: AuditStore, built: BuiltRecord): Promise<AuditRecord> {
  const [record] = (await seal?.([built])) ?? []
  if (record === undefined) throw new Error('the store of this trail takes no rows that are written with effects')
  return record
}
