import { deepEqual, equal, rejects } from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { Store } from '../contract.ts'
import type { Role } from '../records.ts'
import type { StoreCheck } from './check.ts'
import { NOW, roleNamed, someSession, someSignIn, someUser, winnersOf } from './rows.ts'

async function someRole(store: Store): Promise<Role> {
  const role = roleNamed(`ROLE_${randomUUID()}`)
  await store.roles.create(role)
  return role
}

/** Roles, and what they are worth to those who have them. */
export const ROLE_CHECKS: readonly StoreCheck[] = [
  {
    title: 'a role is created once, replaced as a whole, and removed',
    run: async store => {
      const role = roleNamed(`ROLE_${randomUUID()}`)
      equal(await winnersOf(10, async () => await store.roles.create(role)), 1)
      deepEqual(await store.roles.find(role.name), role)
      const changed = { ...role, descriptions: { en: 'Counts', de: 'Zählt' }, version: 2, disabledAtMs: NOW }
      await store.roles.replace(changed)
      deepEqual(
        (await store.roles.list()).filter(({ name }) => name === role.name),
        [changed]
      )
      await store.roles.remove(role.name)
      equal(await store.roles.find(role.name), null)
    }
  },
  {
    title: 'a disabled role counts for nobody wherever a user is read, and is still given',
    run: async store => {
      const [kept, disabled] = [await someRole(store), await someRole(store)]
      const { user, session, tokenHash } = await someSession(store)
      const { signIn, secretHash } = await someSignIn(store, user)
      const given = [kept.name, disabled.name].sort()
      await store.users.setRoles(user.id, given)
      const users = async () => [
        await store.users.find(user.id),
        await store.users.findByName(user.username),
        (await store.users.list()).find(({ id }) => id === user.id),
        (await store.sessions.find(session.id))?.user,
        (await store.sessions.findByRefreshToken(tokenHash))?.user,
        (await store.signIns.findBySecret(secretHash))?.user,
        (await store.transaction(async trx => await trx.signIns.lockLive(signIn.id)))?.user
      ]
      for (const found of await users()) deepEqual([found?.roles, found?.givenRoles], [given, given])
      await store.roles.replace({ ...disabled, disabledAtMs: NOW })
      for (const found of await users()) deepEqual([found?.roles, found?.givenRoles], [[kept.name], given])
      equal((await store.users.countByRole()).get(disabled.name), 1)
    }
  },
  {
    title: 'nobody is given a role that is not there, and one that somebody has is not removed',
    run: async store => {
      const { name } = await someRole(store)
      const user = await someUser(store, { roles: [name] })
      const newcomer = { ...user, id: randomUUID(), username: randomUUID() }
      await rejects(store.users.create({ ...newcomer, givenRoles: [`ROLE_${randomUUID()}`] }, NOW))
      equal(await store.users.find(newcomer.id), null)
      await rejects(store.users.setRoles(user.id, [`ROLE_${randomUUID()}`]))
      await rejects(store.roles.remove(name))
      deepEqual((await store.users.find(user.id))?.roles, [name])
    }
  },
  {
    title: 'those who have a role are found by it, and so are their live sessions',
    run: async store => {
      const { name } = await someRole(store)
      const { session, user } = await someSession(store)
      const ended = await someSession(store)
      await someSession(store)
      for (const { id } of [user, ended.user]) await store.users.setRoles(id, [name])
      await store.sessions.end({ kind: 'session', sessionId: ended.session.id }, 'logout', NOW)
      const found = await store.transaction(async trx => ({
        holders: await trx.users.lockHolders(name),
        sessions: await trx.sessions.lockLiveUsing({ kind: 'role', role: name })
      }))
      deepEqual(
        found.holders.map(({ id }) => id),
        [user.id, ended.user.id].sort()
      )
      deepEqual(found.holders[0]?.givenRoles, [name])
      deepEqual(found.sessions, [session])
    }
  },
  {
    title: 'a login waits for a change of a role of its user, and sees it',
    run: async store => {
      const role = await someRole(store)
      const { id } = await someUser(store, { roles: [role.name] })
      const locked = Promise.withResolvers<void>()
      const change = store.transaction(async trx => {
        await trx.users.lockHolders(role.name)
        locked.resolve()
        await new Promise(resolve => setImmediate(resolve))
        await trx.roles.replace({ ...role, disabledAtMs: NOW })
      })
      await locked.promise
      const roles = await store.transaction(async trx => {
        await trx.users.lockForLogin(id)
        return (await trx.users.find(id))?.roles
      })
      await change
      deepEqual(roles, [])
    }
  }
]
