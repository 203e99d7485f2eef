import { deepEqual, equal, rejects } from 'node:assert/strict'
import { addSession, CHECK_TIME, countYes, type SessionStoreCheck } from './session-store-check.ts'

const NOBODYS_SESSION = { kind: 'session', id: 'nobody' } as const

/** What is kept, for how long, and the data of the app. */
export const KEEPING_CHECKS: readonly SessionStoreCheck[] = [
  {
    title: 'a session is found as it was created, and no other one',
    run: async store => {
      const bare = await addSession(store, { issuerSessionId: null })
      const full = await addSession(store, { data: 'sealed data', dataVersion: 3, version: 7 })
      deepEqual({ ...(await store.find(bare.id, CHECK_TIME)) }, bare)
      deepEqual({ ...(await store.find(full.id, CHECK_TIME)) }, full)
      equal(await store.find(`${full.id.slice(0, -1)}!`, CHECK_TIME), null)
      await rejects(store.create({ ...full, sealed: 'other' }, CHECK_TIME))
      equal((await store.find(full.id, CHECK_TIME))?.sealed, full.sealed)
    }
  },
  {
    title: 'a session is not found from its expiry on, and a use before that lengthens it',
    run: async store => {
      const session = await addSession(store, { expiresAtMs: CHECK_TIME + 1000 })
      equal((await store.find(session.id, CHECK_TIME + 999))?.id, session.id)
      equal(await store.find(session.id, CHECK_TIME + 1000), null)
      const use = { id: session.id, lastUsedAtMs: CHECK_TIME + 500, expiresAtMs: CHECK_TIME + 1500 }
      await store.touch(use, CHECK_TIME + 500)
      equal((await store.find(session.id, CHECK_TIME + 1499))?.lastUsedAtMs, CHECK_TIME + 500)
      await store.touch({ ...use, lastUsedAtMs: CHECK_TIME, expiresAtMs: CHECK_TIME }, CHECK_TIME + 600)
      equal((await store.find(session.id, CHECK_TIME + 1499))?.lastUsedAtMs, CHECK_TIME + 500)
      await store.touch({ ...use, expiresAtMs: CHECK_TIME + 9000 }, CHECK_TIME + 1500)
      equal(await store.find(session.id, CHECK_TIME + 1500), null)
    }
  },
  {
    title: 'a use of a session that has ended does not bring it back',
    run: async store => {
      const session = await addSession(store)
      await store.end({ kind: 'session', id: session.id })
      await store.touch({ ...session, lastUsedAtMs: CHECK_TIME + 1 }, CHECK_TIME)
      equal(await store.find(session.id, CHECK_TIME), null)
      deepEqual(await store.listOfOwner(session, CHECK_TIME, 10), [])
    }
  },
  {
    title: 'of changes to one version of the data at the same time one is kept, and the tokens stay',
    run: async store => {
      const session = await addSession(store)
      const kept: string[] = []
      const replaced = await countYes(30, async at => {
        const data = `data ${at}`
        const isKept = await store.replaceData({ id: session.id, dataVersion: 0, data, nowMs: CHECK_TIME })
        if (isKept) kept.push(data)
        return isKept
      })
      equal(replaced, 1)
      const found = await store.find(session.id, CHECK_TIME)
      deepEqual([found?.data, found?.dataVersion, found?.version], [kept[0], 1, 1])
      equal(await store.replaceData({ id: session.id, dataVersion: 0, data: 'late', nowMs: CHECK_TIME }), false)
      equal(await store.replaceData({ id: session.id, dataVersion: 1, data: null, nowMs: CHECK_TIME }), true)
      equal((await store.find(session.id, CHECK_TIME))?.data, null)
      equal(
        await store.replaceData({ id: session.id, dataVersion: 2, data: 'late', nowMs: session.expiresAtMs }),
        false
      )
    }
  },
  {
    title: 'what has expired is removed, and nothing else',
    run: async store => {
      const expired = await addSession(store, { expiresAtMs: CHECK_TIME + 1 })
      const live = await addSession(store, { expiresAtMs: CHECK_TIME + 2 })
      const use = { key: expired.id, nowMs: CHECK_TIME, untilMs: CHECK_TIME + 2 }
      await store.endOnce(NOBODYS_SESSION, use)
      while ((await store.removeExpired(CHECK_TIME + 1, 1)) > 0);
      equal((await store.find(live.id, CHECK_TIME + 1))?.id, live.id)
      equal(await store.find(expired.id, CHECK_TIME + 1), null)
      equal(await store.endOnce(NOBODYS_SESSION, { ...use, nowMs: CHECK_TIME + 1 }), null)
    }
  }
]
