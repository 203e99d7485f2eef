import type { ScopeStore } from '../contract.ts'
import type { Scope } from '../records.ts'
import type { RunStep, Tables } from './tables.ts'

const byName = (a: Scope, b: Scope): number =>
  a.name === b.name ? (a.audience < b.audience ? -1 : 1) : a.name < b.name ? -1 : 1

/** Scopes in memory. */
export function scopeStore({ scopes }: Tables, run: RunStep): ScopeStore {
  return {
    ofAudience: async audience =>
      await run(() =>
        scopes
          .values()
          .filter(scope => scope.audience === audience)
          .sort(byName)
      ),
    put: async scope => {
      await run(() => {
        scopes.set(JSON.stringify([scope.name, scope.audience]), scope)
      })
    },
    list: async () => await run(() => scopes.values().sort(byName))
  }
}
