import { deepEqual, equal, notEqual, ok } from 'node:assert/strict'
import type { Rotation, Store } from '../contract.ts'
import type { StoreCheck } from './check.ts'
import { newHash, NOW, roleNamed, someSession, winnersOf, type SomeSession } from './rows.ts'

const LATER = NOW + 1000

function rotationOf({ session, tokenHash }: SomeSession, more: Partial<Rotation> = {}): Rotation {
  return {
    hash: tokenHash,
    successorHash: newHash(),
    successorSealed: Buffer.from('sealed'),
    sessionId: session.id,
    nowMs: LATER,
    idleExpiresAtMs: LATER + 3_600_000,
    userAgent: null,
    sourceAddress: null,
    ...more
  }
}

async function rotateOnce(store: Store, of: SomeSession): Promise<Rotation> {
  const rotation = rotationOf(of)
  equal(await store.sessions.rotate(rotation), true)
  return rotation
}

/** Refresh tokens and their rotation. */
export const ROTATION_CHECKS: readonly StoreCheck[] = [
  {
    title: 'of 100 rotations of one token at the same time one wins, and its successor is the one that is stored',
    run: async store => {
      const of = await someSession(store)
      const rotations = Array.from({ length: 100 }, (_, position) =>
        rotationOf(of, { successorSealed: Buffer.from(`sealed ${position}`) })
      )
      const won: Rotation[] = []
      equal(
        await winnersOf(100, async position => {
          const rotation = rotations[position] ?? rotationOf(of)
          const isWinner = await store.sessions.rotate(rotation)
          if (isWinner) won.push(rotation)
          return isWinner
        }),
        1
      )
      const stored = await store.sessions.findByRefreshToken(of.tokenHash)
      deepEqual(stored?.successorSealed, won[0]?.successorSealed)
      const found = await Promise.all(
        rotations.map(async ({ successorHash }) => await store.sessions.findByRefreshToken(successorHash))
      )
      equal(found.filter(token => token !== null).length, 1)
    }
  },
  {
    title: 'a token that has a successor gets no other one',
    run: async store => {
      const of = await someSession(store)
      const first = await rotateOnce(store, of)
      equal(await store.sessions.rotate(rotationOf(of, { successorSealed: Buffer.from('other') })), false)
      deepEqual((await store.sessions.findByRefreshToken(of.tokenHash))?.successorSealed, first.successorSealed)
    }
  },
  {
    title: 'an unknown token is not rotated',
    run: async store => {
      const of = await someSession(store)
      equal(await store.sessions.rotate(rotationOf(of, { hash: newHash() })), false)
    }
  },
  {
    title: 'a token of a session that has ended is not rotated',
    run: async store => {
      const of = await someSession(store)
      await store.sessions.end({ kind: 'session', sessionId: of.session.id }, 'logout', NOW)
      equal(await store.sessions.rotate(rotationOf(of)), false)
      equal((await store.sessions.findByRefreshToken(of.tokenHash))?.successorSealed, null)
    }
  },
  {
    title: 'a rotation tells when a successor was used, notes the use and keeps what the request did not say',
    run: async store => {
      const of = await someSession(store)
      const first = await rotateOnce(store, of)
      const before = await store.sessions.findByRefreshToken(of.tokenHash)
      deepEqual([before?.usedAtMs, before?.successorUsedAtMs], [LATER, null])
      equal((await store.sessions.findByRefreshToken(first.successorHash))?.usedAtMs, null)
      await store.sessions.rotate(
        rotationOf(of, { hash: first.successorHash, nowMs: LATER + 5, userAgent: 'second agent' })
      )
      equal((await store.sessions.findByRefreshToken(of.tokenHash))?.successorUsedAtMs, LATER + 5)
      const session = (await store.sessions.find(of.session.id))?.session
      deepEqual(
        [session?.lastUsedAtMs, session?.idleExpiresAtMs, session?.userAgent, session?.sourceAddress],
        [LATER + 5, LATER + 3_600_000, 'second agent', '192.0.2.1']
      )
    }
  },
  {
    title: 'a late repeat is noted any number of times for one token, and not for its successor right after it',
    run: async store => {
      const of = await someSession(store)
      const hashes = [of.tokenHash]
      for (const hash of hashes) {
        if (hashes.length === 5) break
        hashes.push((await rotateOnce(store, { ...of, tokenHash: hash })).successorHash)
      }
      const [first, second, third, fourth] = hashes
      if (first === undefined || second === undefined || third === undefined || fourth === undefined) {
        throw new Error('no tokens')
      }
      deepEqual([await store.sessions.noteLateRepeat(first), await store.sessions.noteLateRepeat(first)], [true, true])
      equal(await store.sessions.noteLateRepeat(second), false, 'two in a row')
      equal(await store.sessions.noteLateRepeat(third), true, 'the refused one was not noted')
      equal(await store.sessions.noteLateRepeat(fourth), false)
      const other = await someSession(store)
      equal(await store.sessions.noteLateRepeat(other.tokenHash), true, 'each session has its own')
    }
  },
  {
    title: 'no late repeat is noted of an unknown token or in an ended session, and none in a transaction that fails',
    run: async store => {
      const of = await someSession(store)
      const { successorHash } = await rotateOnce(store, of)
      equal(await store.sessions.noteLateRepeat(newHash()), false)
      await store
        .transaction(async trx => {
          equal(await trx.sessions.noteLateRepeat(of.tokenHash), true)
          throw new Error('planned')
        })
        .catch(() => {})
      equal(await store.sessions.noteLateRepeat(successorHash), true)
      await store.sessions.end({ kind: 'session', sessionId: of.session.id }, 'logout', NOW)
      equal(await store.sessions.noteLateRepeat(successorHash), false)
    }
  },
  {
    title: 'a rotation in a transaction that fails has not happened',
    run: async store => {
      const of = await someSession(store)
      const rotation = rotationOf(of)
      await store
        .transaction(async trx => {
          equal(await trx.sessions.rotate(rotation), true)
          throw new Error('planned')
        })
        .catch(() => {})
      equal(await store.sessions.findByRefreshToken(rotation.successorHash), null)
      equal(await store.sessions.rotate(rotation), true)
    }
  },
  {
    title: 'of an end and rotations at the same time, nothing comes after the end',
    run: async store => {
      const of = await someSession(store)
      const rotation = rotationOf(of)
      await Promise.all([
        store.sessions.rotate(rotation),
        store.sessions.end({ kind: 'session', sessionId: of.session.id }, 'logout', NOW)
      ])
      notEqual((await store.sessions.find(of.session.id))?.session.endedAtMs, null)
      equal(await store.sessions.rotate(rotationOf(of, { hash: rotation.successorHash })), false)
    }
  },
  {
    title: 'a refresh token is found with its session and its user as they are now',
    run: async store => {
      const of = await someSession(store)
      await store.roles.create(roleNamed('ADMIN'))
      await store.users.setRoles(of.user.id, ['ADMIN', 'CUSTOMER'])
      const found = await store.sessions.findByRefreshToken(of.tokenHash)
      deepEqual([found?.session, found?.user.roles], [of.session, ['ADMIN', 'CUSTOMER']])
      ok(found?.hash.equals(of.tokenHash))
      equal(await store.sessions.findByRefreshToken(newHash()), null)
    }
  }
]
