import { deepEqual, equal, notDeepEqual, ok } from 'node:assert/strict'
import type { StoreCheck } from './check.ts'
import { newHash, NOW, someClient, someCode, someSession, someSignIn, someUser, winnersOf } from './rows.ts'

/** Sessions, sign-ins, codes, pushed requests and consents. */
export const SESSION_CHECKS: readonly StoreCheck[] = [
  {
    title: 'of concurrent ends of a session one tells that it ended it',
    run: async store => {
      const { session } = await someSession(store)
      equal(
        await winnersOf(
          20,
          async () => (await store.sessions.end({ kind: 'session', sessionId: session.id }, 'logout', NOW)).length === 1
        ),
        1
      )
      const ended = (await store.sessions.find(session.id))?.session
      deepEqual([ended?.endedAtMs, ended?.endReason], [NOW, 'logout'])
    }
  },
  {
    title: 'an end reaches what it names, and nothing else',
    run: async store => {
      const [one, other] = [await someSession(store), await someSession(store)]
      deepEqual(
        await store.sessions.end({ kind: 'session', sessionId: one.session.id, userId: other.user.id }, 'x', NOW),
        []
      )
      deepEqual(
        (await store.sessions.end({ kind: 'user', userId: one.user.id }, 'x', NOW)).map(({ id }) => id),
        [one.session.id]
      )
      deepEqual(
        (await store.sessions.end({ kind: 'client', clientId: other.client.id }, 'x', NOW)).map(({ id }) => id),
        [other.session.id]
      )
      deepEqual(await store.sessions.end({ kind: 'client', clientId: other.client.id }, 'x', NOW), [])
    }
  },
  {
    title: 'an end by user that keeps a sign-in leaves the sessions that were granted in it, and no others',
    run: async store => {
      const user = await someUser(store)
      const [kept, other] = [await someSignIn(store, user), await someSignIn(store, user)]
      const granted = async (signInId: string | null): Promise<string> =>
        (await someSession(store, { userId: user.id, signInId, authenticatedAtMs: signInId === null ? null : NOW }))
          .session.id
      await granted(kept.signIn.id)
      const others = [await granted(other.signIn.id), await granted(null)]
      const ended = await store.sessions.end(
        { kind: 'user', userId: user.id, keptSignInId: kept.signIn.id },
        'password-changed',
        NOW
      )
      deepEqual(ended.map(({ id }) => id).sort(), others.sort())
    }
  },
  {
    title: 'an end by sign-in reaches the sessions that were granted in it',
    run: async store => {
      const user = await someUser(store)
      const { signIn } = await someSignIn(store, user)
      const [inside, outside] = [
        await someSession(store, { signInId: signIn.id, authenticatedAtMs: NOW }),
        await someSession(store)
      ]
      deepEqual(
        (await store.sessions.end({ kind: 'sign-in', signInId: signIn.id }, 'x', NOW)).map(({ id }) => id),
        [inside.session.id]
      )
      equal((await store.sessions.find(outside.session.id))?.session.endedAtMs, null)
    }
  },
  {
    title: 'an end of all reaches every session and every sign-in',
    run: async store => {
      const user = await someUser(store)
      const { signIn } = await someSignIn(store, user)
      const ids = [(await someSession(store)).session.id, (await someSession(store)).session.id]
      await store.transaction(async trx => {
        const ended = (await trx.sessions.end({ kind: 'all' }, 'x', NOW)).map(({ id }) => id)
        ok(ids.every(id => ended.includes(id)))
        ok((await trx.signIns.end({ all: true }, NOW)).includes(signIn.id))
        equal((await trx.sessions.end({ kind: 'all' }, 'x', NOW)).length, 0)
      })
    }
  },
  {
    title: 'the list of a user’s sessions has what lives, newest first',
    run: async store => {
      const { user, session, client } = await someSession(store)
      const more = { userId: user.id, clientId: client.id }
      const newer = await someSession(store, { ...more, createdAtMs: NOW + 1 })
      const idle = await someSession(store, { ...more, idleExpiresAtMs: NOW })
      const old = await someSession(store, { ...more, absoluteExpiresAtMs: NOW })
      const ended = await someSession(store, more)
      await store.sessions.end({ kind: 'session', sessionId: ended.session.id }, 'x', NOW)
      deepEqual(
        (await store.sessions.listOfUser(user.id, NOW)).map(({ id }) => id),
        [newer.session.id, session.id]
      )
      ok(idle.session.id !== old.session.id)
    }
  },
  {
    title: 'a new status position of a session is the one that is read',
    run: async store => {
      const { session } = await someSession(store)
      const status = await store.statusLists.allocate(1024, NOW)
      await store.sessions.setStatus(session.id, status)
      deepEqual((await store.sessions.find(session.id))?.session.status, status)
      notDeepEqual(status, session.status)
    }
  },
  {
    title: 'of 50 uses of one authorization code at the same time one wins',
    run: async store => {
      const { hash, code } = await someCode(store)
      const { session } = await someSession(store)
      deepEqual(await store.authorizationCodes.find(hash), { code, sessionId: null })
      equal(await winnersOf(50, async () => await store.authorizationCodes.use(hash, session.id)), 1)
      deepEqual(await store.authorizationCodes.find(hash), { code, sessionId: session.id })
      equal(await store.authorizationCodes.find(newHash()), null)
      equal(await store.authorizationCodes.use(newHash(), session.id), false)
    }
  },
  {
    title: 'of 20 removals of one pushed request one wins',
    run: async store => {
      const { code } = await someCode(store)
      const hash = newHash()
      const request = { clientId: code.clientId, parameters: { state: 'ü"\'', scope: 'a b' }, expiresAtMs: NOW }
      await store.pushedRequests.save(hash, request)
      deepEqual(await store.pushedRequests.find(hash), request)
      equal(await winnersOf(20, async () => await store.pushedRequests.remove(hash)), 1)
      equal(await store.pushedRequests.find(hash), null)
    }
  },
  {
    title: 'consent adds up, by user and client',
    run: async store => {
      const { userId, clientId } = (await someCode(store)).code
      deepEqual(await store.consents.find(userId, clientId), [])
      await store.consents.add(userId, clientId, ['b', 'a'], NOW)
      await store.consents.add(userId, clientId, ['c', 'a'], NOW)
      deepEqual(await store.consents.find(userId, clientId), ['a', 'b', 'c'])
      deepEqual(await store.consents.find((await someUser(store)).id, clientId), [])
      deepEqual(await store.consents.ofUser(userId), [{ clientId, scopes: ['a', 'b', 'c'] }])
      await store.consents.remove(userId, clientId)
      deepEqual(await store.consents.ofUser(userId), [])
      deepEqual(await store.consents.find(userId, clientId), [])
    }
  },
  {
    title: 'a sign-in is found by its secret, and after a renewal by the new one only',
    run: async store => {
      const user = await someUser(store)
      const { signIn, secretHash } = await someSignIn(store, user)
      deepEqual((await store.signIns.findBySecret(secretHash))?.signIn, signIn)
      const renewed = { ...signIn, authenticatedAtMs: NOW + 7, idleExpiresAtMs: NOW + 9 }
      const next = newHash()
      equal(await store.signIns.renew(renewed, next), true)
      equal(await store.signIns.findBySecret(secretHash), null)
      deepEqual(await store.signIns.findBySecret(next), { signIn: renewed, user })
      equal(await store.signIns.renew({ ...renewed, userId: (await someUser(store)).id }, newHash()), false)
    }
  },
  {
    title: 'tidying removes what ended or expired long enough ago, with what hangs on it, and nothing else',
    run: async store => {
      const rules = {
        expiredBeforeMs: NOW,
        requestsBeforeMs: NOW,
        attemptsBeforeMs: NOW,
        endedBeforeMs: NOW,
        limit: 1000
      }
      const [live, ended, idle] = [
        await someSession(store),
        await someSession(store),
        await someSession(store, { idleExpiresAtMs: NOW - 1 })
      ]
      await store.sessions.end({ kind: 'session', sessionId: ended.session.id }, 'x', NOW - 1)
      const [code, spent] = [await someCode(store), newHash()]
      await store.authorizationCodes.save(spent, { ...code.code, expiresAtMs: NOW - 1 })
      const client = await someClient(store)
      const [fresh, stale] = [newHash(), newHash()]
      await store.opaqueTokens.save(fresh, client.id, {}, NOW + 1)
      await store.opaqueTokens.save(stale, client.id, {}, NOW - 1)
      let removed = 0
      for (let more = true; more;) {
        const counts = await store.transaction(async trx => await trx.housekeeping.removeExpired(rules))
        const count = Object.values(counts ?? {}).reduce((sum, each) => sum + each, 0)
        removed += count
        more = count > 0
      }
      ok(removed >= 4)
      deepEqual(
        await Promise.all(
          [ended, idle].map(async ({ tokenHash }) => await store.sessions.findByRefreshToken(tokenHash))
        ),
        [null, null]
      )
      deepEqual(await Promise.all([store.authorizationCodes.find(spent), store.opaqueTokens.find(stale)]), [null, null])
      deepEqual((await store.sessions.findByRefreshToken(live.tokenHash))?.session, live.session)
      deepEqual((await store.authorizationCodes.find(code.hash))?.code, code.code)
      deepEqual(await store.opaqueTokens.find(fresh), {})
    }
  },
  {
    title: 'a sign-in ends once, and is then neither renewed nor locked as live',
    run: async store => {
      const user = await someUser(store)
      const [one, other] = [await someSignIn(store, user), await someSignIn(store, user)]
      await store.signIns.touch(one.signIn.id, NOW + 1, NOW + 2)
      deepEqual(
        (await store.transaction(async trx => await trx.signIns.lockLive(one.signIn.id)))?.signIn.idleExpiresAtMs,
        NOW + 2
      )
      deepEqual(await store.signIns.end({ id: one.signIn.id }, NOW), [one.signIn.id])
      deepEqual(await store.signIns.end({ userId: user.id, keptId: other.signIn.id }, NOW), [])
      deepEqual(await store.signIns.end({ userId: user.id }, NOW), [other.signIn.id])
      deepEqual(await store.signIns.end({ userId: user.id }, NOW), [])
      equal(await store.signIns.renew(one.signIn, newHash()), false)
      equal(await store.transaction(async trx => await trx.signIns.lockLive(one.signIn.id)), null)
      equal((await store.signIns.findBySecret(one.secretHash))?.signIn.endedAtMs, NOW)
    }
  }
]
