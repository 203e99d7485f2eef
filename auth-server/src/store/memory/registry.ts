import type { AudienceStore, EditedRows, RoleStore, ScopeStore } from '../contract.ts'
import type { Scope, ScopeKey } from '../records.ts'
import type { Table } from './table.ts'
import type { RunStep, Tables } from './tables.ts'

const scopeKeyText = ({ name, audience }: ScopeKey): string => JSON.stringify([name, audience])

const byNameAndAudience = (a: Scope, b: Scope): number =>
  a.name === b.name ? (a.audience < b.audience ? -1 : 1) : a.name < b.name ? -1 : 1

const nameOrKey = (key: string | { readonly name: string }): string => (typeof key === 'string' ? key : key.name)

const byName = (a: { readonly name: string }, b: { readonly name: string }): number => (a.name < b.name ? -1 : 1)

/** Scopes in memory. */
export function scopeStore({ scopes }: Tables, run: RunStep): ScopeStore {
  return {
    ...editedRows<ScopeKey, Scope>(scopes, run, scopeKeyText, byNameAndAudience),
    ofAudience: async audience =>
      await run(() =>
        scopes
          .values()
          .filter(scope => scope.audience === audience)
          .sort(byNameAndAudience)
      )
  }
}

/** Audiences in memory. */
export function audienceStore({ audiences }: Tables, run: RunStep): AudienceStore {
  return {
    ...editedRows(audiences, run, nameOrKey, byName),
    // Transactions run one after another: within one, everything is locked.
    lockRegistry: async () => {}
  }
}

/** Roles in memory. */
export function roleStore({ roles, users }: Tables, run: RunStep): RoleStore {
  const rows = editedRows(roles, run, nameOrKey, byName)
  return {
    ...rows,
    remove: async name => {
      await run(() => {
        if (users.values().some(({ givenRoles }) => givenRoles.includes(name))) throw new Error(`users have ${name}`)
        roles.delete(name)
      })
    }
  }
}

function editedRows<Key, Row extends object>(
  table: Table<Row>,
  run: RunStep,
  keyText: (key: Key | Row) => string,
  order: (a: Row, b: Row) => number
): EditedRows<Key, Row> {
  return {
    find: async key => await run(() => table.get(keyText(key)) ?? null),
    create: async row =>
      await run(() => {
        if (table.has(keyText(row))) return false
        table.set(keyText(row), row)
        return true
      }),
    replace: async row => {
      await run(() => table.update(keyText(row), () => row))
    },
    remove: async key => {
      await run(() => table.delete(keyText(key)))
    },
    list: async () => await run(() => table.values().sort(order))
  }
}
