import { deepEqual, equal } from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { StoreCheck } from './check.ts'
import { NOW, roleNamed, someClient, someUser, winnersOf } from './rows.ts'

/** Users, their names, roles and passwords. */
export const USER_CHECKS: readonly StoreCheck[] = [
  {
    title: 'of concurrent users with one name one is created',
    run: async store => {
      const username = `name-${randomUUID()}`
      const user = {
        username,
        passwordHash: 'h',
        passwordChangedAtMs: NOW,
        disabledAtMs: null,
        roles: [],
        givenRoles: ['B', 'A', 'B'],
        version: 1
      }
      for (const role of ['A', 'B']) await store.roles.create(roleNamed(role))
      equal(await winnersOf(10, async () => await store.users.create({ ...user, id: randomUUID() }, NOW)), 1)
      deepEqual((await store.users.findByName(username))?.roles, ['A', 'B'])
      equal((await store.users.list()).filter(found => found.username === username).length, 1)
    }
  },
  {
    title: 'a removed user is found by nothing, has no roles and leaves the name free',
    run: async store => {
      const role = `ROLE_${randomUUID()}`
      const { id, username } = await someUser(store, { roles: [role] })
      const client = await someClient(store)
      await store.consents.add(id, client.id, ['orders:read'], NOW)
      await store.users.remove(id, NOW)
      deepEqual([await store.users.find(id), await store.users.findByName(username)], [null, null])
      equal((await store.users.list()).filter(user => user.id === id).length, 0)
      equal((await store.users.countByRole()).get(role), undefined)
      deepEqual(await store.consents.find(id, client.id), [])
      const second = await someUser(store, { username })
      equal((await store.users.findByName(username))?.id, second.id)
    }
  },
  {
    title: 'a user gets a free name and keeps the id, and a taken one is refused, also within a transaction',
    run: async store => {
      const [one, other] = [await someUser(store), await someUser(store)]
      await store.transaction(async trx => {
        equal(await trx.users.rename(one.id, other.username), false)
        equal(await trx.users.rename(one.id, `${one.username}-new`), true)
      })
      equal((await store.users.findByName(`${one.username}-new`))?.id, one.id)
      equal(await store.users.findByName(one.username), null)
      equal((await store.users.findByName(other.username))?.id, other.id)
    }
  },
  {
    title: 'every change of name, roles and state is another version of a user',
    run: async store => {
      const { id, username } = await someUser(store)
      await store.users.rename(id, `${username}-new`)
      await store.roles.create(roleNamed('ADMIN'))
      await store.users.setRoles(id, ['ADMIN'])
      await store.users.setDisabled(id, NOW)
      await store.users.setDisabled(id, null)
      equal((await store.users.find(id))?.version, 5)
    }
  },
  {
    title: 'users are listed by name, a page at a time',
    run: async store => {
      const prefix = randomUUID()
      for (const last of ['b', 'a', 'B', 'ä', 'c']) await someUser(store, { username: `${prefix} ${last}` })
      const pageAfter = async (after: string) => await store.users.list({ after: `${prefix} ${after}`, limit: 2 })
      deepEqual(
        (await pageAfter('')).map(({ username }) => username.slice(-1)),
        ['B', 'a']
      )
      deepEqual(
        (await pageAfter('a')).map(({ username }) => username.slice(-1)),
        ['b', 'c']
      )
    }
  },
  {
    title: 'of two who take a role away from its last two users, one sees that nobody else has it',
    run: async store => {
      const role = `ROLE_${randomUUID()}`
      const users = [await someUser(store, { roles: [role] }), await someUser(store, { roles: [role] })]
      await someUser(store, { roles: [role], disabledAtMs: NOW })
      const others = await Promise.all(
        users.map(
          async ({ id }) =>
            await store.transaction(async trx => {
              await trx.users.lockForChange(id)
              const count = await trx.users.countOthersWithRole(role, id)
              await new Promise(resolve => setImmediate(resolve))
              if (count > 0) await trx.users.setRoles(id, [])
              return count
            })
        )
      )
      deepEqual([...others].sort(), [0, 1])
      equal((await store.users.countByRole()).get(role), 2)
    }
  },
  {
    title: 'a stronger hash replaces the one that it was made from, and no other',
    run: async store => {
      const { id } = await someUser(store)
      await store.users.rehash(id, 'hash', 'stronger')
      equal((await store.users.find(id))?.passwordHash, 'stronger')
      await store.users.setPasswordHash(id, 'changed', NOW + 1)
      await store.users.rehash(id, 'stronger', 'late')
      deepEqual(
        [(await store.users.find(id))?.passwordHash, (await store.users.find(id))?.passwordChangedAtMs],
        ['changed', NOW + 1]
      )
    }
  },
  {
    title: 'a login waits for a change of its user, and sees it',
    run: async store => {
      const { id } = await someUser(store)
      const order: string[] = []
      let locked = (): void => {}
      const isLocked = new Promise<void>(resolve => {
        locked = resolve
      })
      const change = store.transaction(async trx => {
        await trx.users.lockForChange(id)
        locked()
        await new Promise(resolve => setImmediate(resolve))
        await trx.users.setDisabled(id, NOW)
        order.push('changed')
      })
      await isLocked
      const login = store.transaction(async trx => {
        await trx.users.lockForLogin(id)
        order.push('login')
        return (await trx.users.find(id))?.disabledAtMs
      })
      await change
      equal(await login, NOW)
      deepEqual(order, ['changed', 'login'])
    }
  }
]
