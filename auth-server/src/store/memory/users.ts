import type { UserStore } from '../contract.ts'
import type { RunStep, Tables } from './tables.ts'

/** Users in memory. */
export function userStore({ users, usernames }: Tables, run: RunStep): UserStore {
  return {
    find: async id => await run(() => users.get(id) ?? null),
    findByName: async username => await run(() => users.get(usernames.get(username) ?? '') ?? null),
    create: async user =>
      await run(() => {
        if (usernames.has(user.username) || users.has(user.id)) return false
        usernames.set(user.username, user.id)
        users.set(user.id, { ...user, roles: uniqueSorted(user.roles) })
        return true
      }),
    setPasswordHash: async (id, passwordHash, passwordChangedAtMs) => {
      await run(() => users.update(id, user => ({ ...user, passwordHash, passwordChangedAtMs })))
    },
    rehash: async (id, previousHash, passwordHash) => {
      await run(() => users.update(id, user => (user.passwordHash === previousHash ? { ...user, passwordHash } : user)))
    },
    setRoles: async (id, roles) => {
      await run(() => users.update(id, user => ({ ...user, roles: uniqueSorted(roles) })))
    },
    // Transactions run one after another: within one, everything is locked.
    lockForLogin: async () => {},
    lockForChange: async () => {},
    setDisabled: async (id, disabledAtMs) => {
      await run(() => users.update(id, user => ({ ...user, disabledAtMs })))
    },
    list: async () => await run(() => users.values().sort((a, b) => (a.username < b.username ? -1 : 1)))
  }
}

const uniqueSorted = (roles: readonly string[]): readonly string[] => [...new Set(roles)].sort()
