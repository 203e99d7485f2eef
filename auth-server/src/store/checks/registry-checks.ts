import { deepEqual, equal } from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { Audience, Scope } from '../records.ts'
import type { StoreCheck } from './check.ts'
import { NOW, someClient, someSession, winnersOf } from './rows.ts'

const audienceNamed = (name: string): Audience => ({ name, description: 'first', version: 1, disabledAtMs: null })

const scopeNamed = (name: string, audience: string): Scope => ({
  name,
  audience,
  requiredRole: null,
  descriptions: { en: 'Read', de: 'Lesen' },
  version: 1,
  disabledAtMs: null
})

/** Scopes and audiences, and what depends on them. */
export const REGISTRY_CHECKS: readonly StoreCheck[] = [
  {
    title: 'a scope belongs to its audience, and of concurrent ones with one key one is created',
    run: async store => {
      const audience = randomUUID()
      const [a, b] = [scopeNamed('a', audience), scopeNamed('b', audience)]
      equal(await winnersOf(10, async () => await store.scopes.create(b)), 1)
      equal(await store.scopes.create(a), true)
      deepEqual(await store.scopes.ofAudience(audience), [a, b])
      deepEqual(await store.scopes.ofAudience(randomUUID()), [])
      equal(await store.scopes.find({ name: 'a', audience: randomUUID() }), null)
      deepEqual(
        (await store.scopes.list()).filter(scope => scope.audience === audience),
        [a, b]
      )
    }
  },
  {
    title: 'a scope is replaced as a whole, and removed alone',
    run: async store => {
      const audience = randomUUID()
      const [scope, other] = [scopeNamed('a', audience), scopeNamed('b', audience)]
      for (const each of [scope, other]) await store.scopes.create(each)
      const changed = { ...scope, requiredRole: 'ADMIN', descriptions: { fr: 'Lire' }, version: 7, disabledAtMs: NOW }
      await store.scopes.replace(changed)
      deepEqual(await store.scopes.ofAudience(audience), [changed, other])
      await store.scopes.remove(scope)
      await store.scopes.replace(changed)
      deepEqual(await store.scopes.ofAudience(audience), [other])
    }
  },
  {
    title: 'an audience is created once, replaced as a whole, and removed',
    run: async store => {
      const audience = audienceNamed(randomUUID())
      equal(await winnersOf(10, async () => await store.audiences.create(audience)), 1)
      deepEqual(await store.audiences.find(audience.name), audience)
      const changed = { ...audience, description: 'second', version: 2, disabledAtMs: NOW }
      await store.audiences.replace(changed)
      deepEqual(
        (await store.audiences.list()).filter(({ name }) => name === audience.name),
        [changed]
      )
      await store.audiences.remove(audience.name)
      equal(await store.audiences.find(audience.name), null)
    }
  },
  {
    title: 'who takes the lock of the registry waits for the transaction that holds it, and sees what it did',
    run: async store => {
      const { name } = audienceNamed(randomUUID())
      const locked = Promise.withResolvers<void>()
      const first = store.transaction(async trx => {
        await trx.audiences.lockRegistry()
        locked.resolve()
        await new Promise(resolve => setImmediate(resolve))
        await trx.audiences.create(audienceNamed(name))
      })
      await locked.promise
      const seen = await store.transaction(async trx => {
        await trx.audiences.lockRegistry()
        return await trx.audiences.find(name)
      })
      await first
      deepEqual(seen, audienceNamed(name))
    }
  },
  {
    title: 'live sessions are found by client, audience and scope',
    run: async store => {
      const [scope, audience] = [randomUUID(), randomUUID()]
      const { session, client } = await someSession(store, { scopes: ['x', scope], audience })
      await someSession(store)
      for (const use of [
        { kind: 'client', clientId: client.id },
        { kind: 'scope', scope },
        { kind: 'audience', audience }
      ] as const) {
        deepEqual(await store.transaction(async trx => await trx.sessions.lockLiveUsing(use)), [session], use.kind)
      }
      await store.sessions.end({ kind: 'session', sessionId: session.id }, 'logout', NOW)
      deepEqual(await store.sessions.lockLiveUsing({ kind: 'scope', scope }), [])
    }
  },
  {
    title: 'a client is removed with everything that is its own, and no other is',
    run: async store => {
      const { session, user, client, tokenHash } = await someSession(store)
      const other = await someClient(store)
      await store.consents.add(user.id, client.id, ['a'], NOW)
      await store.clients.remove(client.id)
      equal(await store.clients.find(client.id), null)
      equal(await store.sessions.find(session.id), null)
      equal(await store.sessions.findByRefreshToken(tokenHash), null)
      deepEqual(await store.consents.find(user.id, client.id), [])
      deepEqual(await store.clients.find(other.id), other)
      equal((await store.users.find(user.id))?.id, user.id)
    }
  }
]
