import type { Administration } from './administration.ts'

/** A role that users have or scopes ask for. */
export interface RoleSummary {
  readonly name: string
  /** How many users have it. */
  readonly users: number
  /** The scopes that only users with this role get. */
  readonly scopes: ReadonlyArray<{ readonly name: string; readonly audience: string }>
}

/** Roles by name. A role exists when a user has it or a scope asks for it: there is nothing else to declare. */
export async function listRoles({ store }: Pick<Administration, 'store'>): Promise<readonly RoleSummary[]> {
  const [counts, scopes] = await Promise.all([store.users.countByRole(), store.scopes.list()])
  const names = new Set([...counts.keys(), ...scopes.flatMap(({ requiredRole }) => requiredRole ?? [])])
  return [...names].sort().map(name => ({
    name,
    users: counts.get(name) ?? 0,
    scopes: scopes
      .filter(({ requiredRole }) => requiredRole === name)
      .map(({ name: scope, audience }) => ({ name: scope, audience }))
  }))
}
