import { deepEqual, equal } from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { StoreCheck } from './check.ts'
import { newHash, NOW, roleNamed, someClient, someRegistration, someUser } from './rows.ts'

/** What clients, secrets and transactions keep. */
export const SUBJECT_CHECKS: readonly StoreCheck[] = [
  {
    title: 'a use of a client waits for a change of it, and sees it',
    run: async store => {
      const { id } = await someClient(store)
      const changed = Promise.withResolvers<void>()
      const change = store.transaction(async trx => {
        await trx.clients.setDisabled(id, NOW)
        changed.resolve()
        await new Promise(resolve => setImmediate(resolve))
      })
      await changed.promise
      const used = store.transaction(async trx => (await trx.clients.lockForUse(id))?.disabledAtMs)
      await change
      equal(await used, NOW)
      equal(await store.transaction(async trx => await trx.clients.lockForUse('nobody')), null)
    }
  },
  {
    title: 'nobody sees a transaction before it ends, and nobody one that failed',
    run: async store => {
      const { id } = await someUser(store)
      await store.roles.create(roleNamed('ADMIN'))
      let seen = store.users.find(id)
      await store
        .transaction(async trx => {
          await trx.users.setRoles(id, ['ADMIN'])
          seen = store.users.find(id)
          await new Promise(resolve => setImmediate(resolve))
          throw new Error('planned')
        })
        .catch(() => {})
      deepEqual([(await seen)?.roles, (await store.users.find(id))?.roles], [['CUSTOMER'], ['CUSTOMER']])
    }
  },
  {
    title: 'a step that comes after the end of its transaction is refused, and does nothing',
    run: async store => {
      const { id } = await someUser(store)
      await store.roles.create(roleNamed('LATE'))
      let late: Promise<unknown> = Promise.resolve()
      await store
        .transaction(async trx => {
          late = new Promise(resolve => setImmediate(resolve))
            .then(async () => {
              await trx.users.setRoles(id, ['LATE'])
            })
            .then(
              () => 'done',
              () => 'refused'
            )
          throw new Error('planned')
        })
        .catch(() => {})
      equal(await late, 'refused')
      deepEqual((await store.users.find(id))?.roles, ['CUSTOMER'])
    }
  },
  {
    title: 'a part of a transaction can fail alone',
    run: async store => {
      const { id } = await someUser(store)
      for (const role of ['KEPT', 'LOST']) await store.roles.create(roleNamed(role))
      await store.transaction(async trx => {
        await trx.users.setRoles(id, ['KEPT'])
        await trx
          .transaction(async inner => {
            await inner.users.setRoles(id, ['LOST'])
            throw new Error('planned')
          })
          .catch(() => {})
      })
      deepEqual((await store.users.find(id))?.roles, ['KEPT'])
    }
  },
  {
    title: 'what was read does not change with what is stored',
    run: async store => {
      const { id } = await someUser(store)
      const before = await store.users.find(id)
      await store.roles.create(roleNamed('ADMIN'))
      await store.users.setRoles(id, ['ADMIN'])
      await store.users.setDisabled(id, NOW)
      deepEqual((await store.users.find(id))?.disabledAtMs, NOW)
      deepEqual([before?.roles, before?.disabledAtMs], [['CUSTOMER'], null])
      try {
        Reflect.set(before?.roles ?? [], 0, 'OTHER')
      } catch {
        /* as good */
      }
      deepEqual((await store.users.find(id))?.roles, ['ADMIN'])
    }
  },
  {
    title: 'of concurrent clients with one id one is created, and it is read as it was',
    run: async store => {
      const client = await someClient(store)
      deepEqual(await store.clients.find(client.id), client)
      equal(await store.clients.create({ ...client, name: 'other' }, NOW), false)
      await store.clients.setDisabled(client.id, NOW)
      deepEqual(await store.clients.find(client.id), { ...client, version: 2, disabledAtMs: NOW })
      equal(await store.clients.find('nobody'), null)
    }
  },
  {
    title: 'every field of a client is stored as it is at first and as it is changed, together and alone',
    run: async store => {
      const client = await someClient(store)
      const changed = { ...someRegistration('sample'), id: client.id }
      for (const [name, value] of Object.entries(changed)) {
        await store.clients.change(client.id, { [name]: value })
        deepEqual(Reflect.get((await store.clients.find(client.id)) ?? {}, name), value, name)
      }
      const version = 1 + Object.keys(changed).length
      deepEqual(await store.clients.find(client.id), { ...client, ...changed, version })
      deepEqual((await store.clients.findWithSecrets(client.id))?.client, { ...client, ...changed, version })
      const created = await someClient(store, someRegistration('sample'))
      deepEqual(await store.clients.find(created.id), created)
      const first = { ...someRegistration('initial'), id: created.id }
      await store.clients.change(created.id, first)
      deepEqual(await store.clients.find(created.id), { ...created, ...first, version: 2 })
    }
  },
  {
    title: 'expiring the other secrets of a client shortens their lives and never lengthens one',
    run: async store => {
      const { id } = await someClient(store)
      const secret = (expiresAtMs: number | null) => ({ id: randomUUID(), hash: newHash(), expiresAtMs })
      const [forever, late, soon, kept] = [secret(null), secret(NOW + 100), secret(NOW + 10), secret(null)]
      for (const each of [forever, late, soon, kept]) await store.clients.addSecret(id, each, NOW)
      await store.clients.expireOtherSecrets(id, kept.id, NOW + 50)
      const found = new Map(
        (await store.clients.findWithSecrets(id))?.secrets.map(({ id, expiresAtMs }) => [id, expiresAtMs])
      )
      deepEqual(
        [forever, late, soon, kept].map(({ id }) => found.get(id)),
        [NOW + 50, NOW + 50, NOW + 10, null]
      )
    }
  }
]
