import type { Knex } from 'knex'
import type { ScopeStore } from '../contract.ts'
import type { Scope } from '../records.ts'

interface ScopeRow {
  readonly name: string
  readonly audience: string
  readonly required_role: string | null
}

const scopeOf = (row: ScopeRow): Scope => ({ name: row.name, audience: row.audience, requiredRole: row.required_role })

/** Scopes on PostgreSQL. */
export function scopeStore(db: Knex): ScopeStore {
  return {
    ofAudience: async audience => (await db<ScopeRow>('scopes').where({ audience }).orderBy('name')).map(scopeOf),
    put: async scope => {
      await db('scopes')
        .insert({ name: scope.name, audience: scope.audience, required_role: scope.requiredRole })
        .onConflict(['name', 'audience'])
        .merge()
    },
    list: async () => (await db<ScopeRow>('scopes').orderBy(['name', 'audience'])).map(scopeOf)
  }
}
