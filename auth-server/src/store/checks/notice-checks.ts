import { deepEqual, equal } from 'node:assert/strict'
import type { Store } from '../contract.ts'
import type { LogoutNotice, Session } from '../records.ts'
import type { StoreCheck } from './check.ts'
import { NOW, someSession } from './rows.ts'

const LEASE_MS = 30_000
const LIMIT = 1000
const URI = 'https://app.example/logged-out'

/** A session whose client hears of its end. */
async function heardSession(store: Store): Promise<Session> {
  const { session, client } = await someSession(store)
  await store.clients.change(client.id, { backchannelLogoutUri: URI, postLogoutRedirectUris: [] })
  return session
}

/** What is due of a session's notices; what else is due goes back. */
async function claimOf(store: Store, { id }: Session, nowMs: number): Promise<readonly LogoutNotice[]> {
  const claimed = await store.logoutNotices.claim({ nowMs, leaseUntilMs: nowMs + LEASE_MS, limit: LIMIT })
  return claimed.filter(({ sessionId }) => sessionId === id)
}

/** Notices of ended sessions. */
export const NOTICE_CHECKS: readonly StoreCheck[] = [
  {
    title: 'a notice is stored for a session whose client has a place for it, and for no other',
    run: async store => {
      const [session, { session: unheard }] = [await heardSession(store), await someSession(store)]
      await store.logoutNotices.add([session, unheard], NOW)
      deepEqual(await claimOf(store, session, NOW - 1), [], 'not before its time')
      const [notice] = await claimOf(store, session, NOW)
      deepEqual(
        { ...notice, id: '' },
        { id: '', clientId: session.clientId, userId: session.userId, sessionId: session.id, attempts: 1, uri: URI }
      )
      deepEqual(await claimOf(store, unheard, NOW + LEASE_MS), [])
    }
  },
  {
    title: 'of concurrent claims one gets a notice, and the next one when the lease is over',
    run: async store => {
      const session = await heardSession(store)
      await store.logoutNotices.add([session], NOW)
      equal(
        (await Promise.all(Array.from({ length: 10 }, async () => await claimOf(store, session, NOW)))).flat().length,
        1
      )
      deepEqual(await claimOf(store, session, NOW + LEASE_MS - 1), [])
      equal((await claimOf(store, session, NOW + LEASE_MS))[0]?.attempts, 2)
    }
  },
  {
    title: 'a postponed notice is due at its time, unless somebody has claimed it since',
    run: async store => {
      const session = await heardSession(store)
      await store.logoutNotices.add([session], NOW)
      const [first] = await claimOf(store, session, NOW)
      if (first === undefined) throw new Error('no notice')
      await store.logoutNotices.postpone(first, NOW + 5000)
      deepEqual(await claimOf(store, session, NOW + 4999), [])
      equal((await claimOf(store, session, NOW + 5000)).length, 1)
      await store.logoutNotices.postpone(first, NOW)
      deepEqual(await claimOf(store, session, NOW + 5001), [], 'the first claim is over')
    }
  },
  {
    title: 'a notice is removed once, and names the place of now',
    run: async store => {
      const session = await heardSession(store)
      await store.logoutNotices.add([session], NOW)
      await store.clients.change(session.clientId, {
        backchannelLogoutUri: null,
        postLogoutRedirectUris: ['https://app.example/bye']
      })
      deepEqual((await store.clients.find(session.clientId))?.postLogoutRedirectUris, ['https://app.example/bye'])
      const [notice] = await claimOf(store, session, NOW)
      equal(notice?.uri, null)
      equal(await store.logoutNotices.remove(notice?.id ?? ''), true)
      equal(await store.logoutNotices.remove(notice?.id ?? ''), false)
      deepEqual(await claimOf(store, session, NOW + LEASE_MS), [])
    }
  }
]
