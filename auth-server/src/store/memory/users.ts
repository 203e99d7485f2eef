import type { UserStore } from '../contract.ts'
import type { User } from '../records.ts'
import { userAsItCounts, type RunStep, type Tables } from './tables.ts'

/** Users in memory. */
export function userStore(tables: Tables, run: RunStep): UserStore {
  const { users, usernames, consents, roles } = tables
  const knownRoles = (wanted: readonly string[]): readonly string[] => {
    const unknown = wanted.find(name => !roles.has(name))
    if (unknown !== undefined) throw new Error(`there is no role ${unknown}`)
    return [...new Set(wanted)].sort()
  }
  const everybody = (): User[] => users.values().flatMap(({ id }) => userAsItCounts(tables, id) ?? [])
  return {
    find: async id => await run(() => userAsItCounts(tables, id)),
    findByName: async username => await run(() => userAsItCounts(tables, usernames.get(username))),
    create: async ({ roles: _counting, ...user }) =>
      await run(() => {
        if (usernames.has(user.username) || users.has(user.id)) return false
        const givenRoles = knownRoles(user.givenRoles)
        usernames.set(user.username, user.id)
        users.set(user.id, { ...user, givenRoles })
        return true
      }),
    setPasswordHash: async (id, passwordHash, passwordChangedAtMs) => {
      await run(() => users.update(id, user => ({ ...user, passwordHash, passwordChangedAtMs })))
    },
    rehash: async (id, previousHash, passwordHash) => {
      await run(() => users.update(id, user => (user.passwordHash === previousHash ? { ...user, passwordHash } : user)))
    },
    setRoles: async (id, wanted) => {
      await run(() =>
        users.update(id, user => ({ ...user, givenRoles: knownRoles(wanted), version: user.version + 1 }))
      )
    },
    // Transactions run one after another: within one, everything is locked.
    lockForLogin: async () => {},
    lockForChange: async () => {},
    lockHolders: async role =>
      await run(() =>
        everybody()
          .filter(({ givenRoles }) => givenRoles.includes(role))
          .sort((a, b) => (a.id < b.id ? -1 : 1))
      ),
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
        everybody()
          .sort((a, b) => (a.username < b.username ? -1 : 1))
          .filter(({ username }) => page === undefined || username > page.after)
          .slice(0, page?.limit)
      ),
    countByRole: async () =>
      await run(() => {
        const counts = new Map<string, number>()
        const given = users.values().flatMap(({ givenRoles }) => givenRoles)
        for (const role of given) counts.set(role, (counts.get(role) ?? 0) + 1)
        return counts
      }),
    countOthersWithRole: async (role, id) =>
      await run(
        () =>
          users.values().filter(user => user.id !== id && user.disabledAtMs === null && user.givenRoles.includes(role))
            .length
      )
  }
}
