import { deepEqual, equal, notEqual, ok, rejects } from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { Store } from '../contract.ts'
import type { SigningKeyRecord, StatusPosition } from '../records.ts'
import type { StoreCheck } from './check.ts'
import { newHash, NOW, someClient, winnersOf } from './rows.ts'

const key = (more: Partial<SigningKeyRecord> = {}): SigningKeyRecord => ({
  kid: randomUUID(),
  algorithm: 'ES256',
  publicJwk: { kty: 'EC', x: 'x' },
  privateKeySealed: Buffer.from('sealed'),
  state: 'published',
  publishedAtMs: NOW,
  signingAtMs: null,
  retiredAtMs: null,
  removedAtMs: null,
  ...more
})

const storedKey = async (store: Store, kid: string): Promise<SigningKeyRecord | undefined> =>
  (await store.signingKeys.list()).find(found => found.kid === kid)

async function bitOf(store: Store, { listId, index }: StatusPosition): Promise<number> {
  const list = await store.statusLists.read(listId)
  return ((list?.bits[index >> 3] ?? 0) >> (index & 7)) & 1
}

/** Keys, status lists, opaque tokens, used ids and failed logins. */
export const SERVER_CHECKS: readonly StoreCheck[] = [
  {
    title: 'of concurrent steps of a signing key one is taken, and a removed key has no private part and is not listed',
    run: async store => {
      const { kid } = key()
      await store.signingKeys.add(key({ kid }))
      equal(await winnersOf(20, async () => await store.signingKeys.move(kid, 'published', 'retired', NOW + 1)), 1)
      deepEqual(
        [(await storedKey(store, kid))?.state, (await storedKey(store, kid))?.retiredAtMs],
        ['retired', NOW + 1]
      )
      equal(await store.signingKeys.move(kid, 'published', 'signing', NOW), false)
      await store.signingKeys.reseal(kid, Buffer.from('again'))
      equal((await storedKey(store, kid))?.privateKeySealed.toString(), 'again')
      equal(await store.signingKeys.move(kid, 'retired', 'removed', NOW), true)
      equal(await storedKey(store, kid), undefined)
    }
  },
  {
    title: 'two keys never sign at a time',
    run: async store => {
      if (!(await store.signingKeys.list()).some(({ state }) => state === 'signing')) {
        await store.signingKeys.add(key({ state: 'signing', signingAtMs: NOW }))
      }
      await rejects(store.signingKeys.add(key({ state: 'signing', signingAtMs: NOW })))
      const { kid } = key()
      await store.signingKeys.add(key({ kid }))
      await rejects(store.signingKeys.move(kid, 'published', 'signing', NOW))
    }
  },
  {
    title: 'no two allocations give one position, and they follow no order',
    run: async store => {
      const positions = await Promise.all(
        Array.from({ length: 200 }, async () => await store.statusLists.allocate(1024, NOW))
      )
      equal(new Set(positions.map(({ listId, index }) => `${listId} ${index}`)).size, 200)
      const steps = positions.slice(1).map(({ index }, position) => index - (positions[position]?.index ?? 0))
      ok(new Set(steps).size > 20, 'the distances differ')
      for (const { listId, index } of positions) {
        ok(index >= 0 && index < ((await store.statusLists.read(listId))?.size ?? 0))
      }
    }
  },
  {
    title: 'a revocation sets its bits and no others, and raises the version of its list',
    run: async store => {
      const positions = await Promise.all(
        Array.from({ length: 12 }, async () => await store.statusLists.allocate(1024, NOW))
      )
      const [revoked, kept] = [positions.slice(0, 6), positions.slice(6)]
      const before = await Promise.all(revoked.map(async ({ listId }) => await store.statusLists.version(listId)))
      await Promise.all(
        revoked.map(async position => {
          await store.statusLists.revoke([position])
        })
      )
      deepEqual(
        await Promise.all(positions.map(async position => await bitOf(store, position))),
        [1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
      )
      for (const [index, { listId }] of revoked.entries()) {
        notEqual(await store.statusLists.version(listId), before[index])
        equal(await store.statusLists.version(listId), (await store.statusLists.read(listId))?.version)
      }
      await store.statusLists.revoke([...revoked, ...kept])
      equal(await bitOf(store, kept[0] ?? { listId: '', index: 0 }), 1)
      equal(await store.statusLists.read(randomUUID()), null)
      equal(await store.statusLists.version(randomUUID()), null)
    }
  },
  {
    title: 'revocations that take new positions of the list they change do not wait for each other in a circle',
    run: async store => {
      const positions = await Promise.all(
        Array.from({ length: 8 }, async () => await store.statusLists.allocate(1024, NOW))
      )
      await Promise.all(
        positions.map(async position => {
          await store.transaction(async trx => {
            await trx.statusLists.allocate(1024, NOW)
            await new Promise(resolve => setImmediate(resolve))
            await trx.statusLists.revoke([position])
          })
        })
      )
      deepEqual(
        await Promise.all(positions.map(async position => await bitOf(store, position))),
        positions.map(() => 1)
      )
    }
  },
  {
    title: 'a revocation in a transaction that fails has not happened',
    run: async store => {
      const position = await store.statusLists.allocate(1024, NOW)
      const version = await store.statusLists.version(position.listId)
      await store
        .transaction(async trx => {
          await trx.statusLists.revoke([position])
          throw new Error('planned')
        })
        .catch(() => {})
      deepEqual([await bitOf(store, position), await store.statusLists.version(position.listId)], [0, version])
    }
  },
  {
    title: 'an opaque token is found by its hash until it is removed',
    run: async store => {
      const client = await someClient(store)
      const hash = newHash()
      const claims = { sub: 'x', exp: 1, nested: { list: [1, 'ü'] } }
      await store.opaqueTokens.save(hash, client.id, claims, NOW)
      deepEqual(await store.opaqueTokens.find(hash), claims)
      await store.opaqueTokens.remove(hash)
      equal(await store.opaqueTokens.find(hash), null)
    }
  },
  {
    title: 'of 50 records of one id at the same time one is the first',
    run: async store => {
      const id = { issuer: randomUUID(), jti: `${'long '.repeat(100)}ü`, expiresAtMs: NOW + 1000 }
      equal(await winnersOf(50, async () => await store.replays.record(id, NOW)), 1)
      equal(await store.replays.record({ ...id, issuer: randomUUID() }, NOW), true, 'an id belongs to its issuer')
      equal(await store.replays.record({ ...id, jti: `${id.jti}x` }, NOW), true)
      equal(await store.replays.record(id, NOW + 999), false)
    }
  },
  {
    title: 'failed logins add up over concurrent calls, wait longer each time, and are forgotten',
    run: async store => {
      const failure = {
        key: randomUUID(),
        nowMs: NOW,
        windowMs: 1000,
        freeFailures: 9,
        firstWaitMs: 100,
        longestWaitMs: 350
      }
      await Promise.all(
        Array.from({ length: 9 }, async () => {
          await store.loginAttempts.recordFailure(failure)
        })
      )
      equal(await store.loginAttempts.blockedUntilMs([failure.key]), null)
      const waits = []
      for (let count = 0; count < 4; count++) {
        await store.loginAttempts.recordFailure(failure)
        waits.push(await store.loginAttempts.blockedUntilMs([randomUUID(), failure.key]))
      }
      deepEqual(waits, [NOW + 100, NOW + 200, NOW + 350, NOW + 350])
      await store.loginAttempts.recordFailure({ ...failure, nowMs: NOW + 5000 })
      equal(
        await store.loginAttempts.blockedUntilMs([failure.key]),
        NOW + 350,
        'the window is over: the count begins again'
      )
      await store.loginAttempts.forget(failure.key)
      equal(await store.loginAttempts.blockedUntilMs([failure.key]), null)
    }
  }
]
