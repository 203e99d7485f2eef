import type { Knex } from 'knex'
import type { ScopeStore } from '../contract.ts'
import type { Scope } from '../records.ts'
import { groupReads } from './group-reads.ts'
import { millisecondsOrNull, timeOrNull } from './time.ts'

interface ScopeRow {
  readonly name: string
  readonly audience: string
  readonly required_role: string | null
  readonly descriptions: Readonly<Record<string, string>>
  readonly version: number
  readonly disabled_at: Date | null
}

const scopeFromRow = ({ required_role: requiredRole, disabled_at: disabledAt, ...row }: ScopeRow): Scope => ({
  ...row,
  requiredRole,
  disabledAtMs: millisecondsOrNull(disabledAt)
})

const scopeRow = ({ requiredRole, disabledAtMs, descriptions, ...scope }: Scope): Record<string, unknown> => ({
  ...scope,
  descriptions: JSON.stringify(descriptions),
  required_role: requiredRole,
  disabled_at: timeOrNull(disabledAtMs)
})

const OF_AUDIENCES = 'select * from scopes where audience = any(?) order by name'

/** Scopes on PostgreSQL. */
export function scopeStore(db: Knex): ScopeStore {
  const ofAudience = groupReads(db, async (audiences: readonly string[]) => {
    const { rows } = await db
      .raw<{ rows: ScopeRow[] }>(OF_AUDIENCES, [[...new Set(audiences)]])
      .options({ name: 'sallyport-scopes-of-audiences' })
    const found = Map.groupBy(rows.map(scopeFromRow), ({ audience }) => audience)
    return (audience: string) => found.get(audience) ?? []
  })
  return {
    ofAudience,
    find: async ({ name, audience }) => {
      const row = await db<ScopeRow>('scopes').where({ name, audience }).first()
      return row === undefined ? null : scopeFromRow(row)
    },
    create: async scope => {
      const inserted = await db('scopes')
        .insert(scopeRow(scope))
        .onConflict(['name', 'audience'])
        .ignore()
        .returning('name')
      return inserted.length > 0
    },
    replace: async scope => {
      await db('scopes').where({ name: scope.name, audience: scope.audience }).update(scopeRow(scope))
    },
    remove: async ({ name, audience }) => {
      await db('scopes').where({ name, audience }).delete()
    },
    list: async () => (await db<ScopeRow>('scopes').orderBy(['name', 'audience'])).map(scopeFromRow)
  }
}
