import type { UserStore } from '../contract.ts'
import type { RunStep, Tables } from './tables.ts'

/** Users in memory. */
export function userStore({ users, usernames, consents }: Tables, run: RunStep): UserStore {
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
      await run(() => users.update(id, user => ({ ...user, roles: uniqueSorted(roles), version: user.version + 1 })))
    },
    // Transactions run one after another: within one, everything is locked.
    lockForLogin: async () => {},
    lockForChange: async () => {},
    setDisabled: async (id, disabledAtMs) => {
      await run(() => users.update(id, user => ({ ...user, disabledAtMs, version: user.version + 1 })))
    },
    rename: async (id, username) =>
      await run(() => {
        const user = users.get(id)
        if (user === undefined || (usernames.get(username) ?? id) !== id) return false
        usernames.delete(user.username)
        usernames.set(username, id)
        return users.update(id, user => ({ ...user, username, version: user.version + 1 }))
      }),
    remove: async id => {
      await run(() => {
        usernames.delete(users.get(id)?.username ?? '')
        users.delete(id)
        for (const [key] of consents.entries()) if (key.startsWith(`${id} `)) consents.delete(key)
      })
    },
    list: async page =>
      await run(() =>
        users
          .values()
          .sort((a, b) => (a.username < b.username ? -1 : 1))
          .filter(({ username }) => page === undefined || username > page.after)
          .slice(0, page?.limit)
      ),
    countByRole: async () =>
      await run(() => {
        const counts = new Map<string, number>()
        for (const { roles } of users.values()) for (const role of roles) counts.set(role, (counts.get(role) ?? 0) + 1)
        return counts
      }),
    countOthersWithRole: async (role, id) =>
      await run(
        () =>
          users.values().filter(user => user.id !== id && user.disabledAtMs === null && user.roles.includes(role))
            .length
      )
  }
}

const uniqueSorted = (roles: readonly string[]): readonly string[] => [...new Set(roles)].sort()
