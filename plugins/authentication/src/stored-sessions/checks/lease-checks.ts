import { deepEqual, equal } from 'node:assert/strict'
import { addSession, CHECK_TIME, countYes, leaseRequest, type SessionStoreCheck } from './session-store-check.ts'

const LEASE_END = CHECK_TIME + 60_000

/** The lease of a refresh, and the version that fences it. */
export const LEASE_CHECKS: readonly SessionStoreCheck[] = [
  {
    title: 'of 50 processes that want to refresh a session at the same time one gets the lease',
    run: async store => {
      const session = await addSession(store)
      const requests = Array.from({ length: 50 }, () => leaseRequest(session))
      const holders: string[] = []
      const taken = await countYes(50, async at => {
        const request = requests[at] ?? leaseRequest(session)
        const isTaken = await store.takeLease(request)
        if (isTaken) holders.push(request.holder)
        return isTaken
      })
      equal(taken, 1)
      deepEqual((await store.find(session.id, CHECK_TIME))?.lease, { holder: holders[0], untilMs: LEASE_END })
    }
  },
  {
    title: 'a lease that has run out is taken by another, and its first holder gives back no lease but its own',
    run: async store => {
      const session = await addSession(store)
      const first = leaseRequest(session)
      equal(await store.takeLease(first), true)
      equal(await store.takeLease(leaseRequest(session, { nowMs: LEASE_END - 1 })), false)
      const second = leaseRequest(session, { nowMs: LEASE_END, untilMs: LEASE_END + 60_000 })
      equal(await store.takeLease(second), true)
      await store.releaseLease(session.id, first.holder)
      equal((await store.find(session.id, LEASE_END))?.lease?.holder, second.holder)
    }
  },
  {
    title: 'a holder gives its lease back',
    run: async store => {
      const session = await addSession(store)
      const request = leaseRequest(session)
      equal(await store.takeLease(request), true)
      await store.releaseLease(session.id, request.holder)
      equal((await store.find(session.id, CHECK_TIME))?.lease, null)
      equal(await store.takeLease(leaseRequest(session)), true)
    }
  },
  {
    title: 'of new tokens for one version at the same time one set is kept, and the lease is gone',
    run: async store => {
      const session = await addSession(store)
      await store.takeLease(leaseRequest(session))
      const kept: string[] = []
      const replaced = await countYes(30, async at => {
        const sealed = `tokens ${at}`
        const isKept = await store.replaceTokens({ id: session.id, version: 1, sealed, nowMs: CHECK_TIME })
        if (isKept) kept.push(sealed)
        return isKept
      })
      equal(replaced, 1)
      const found = await store.find(session.id, CHECK_TIME)
      deepEqual([found?.sealed, found?.version, found?.lease], [kept[0], 2, null])
      equal(await store.replaceTokens({ id: session.id, version: 1, sealed: 'late', nowMs: CHECK_TIME }), false)
    }
  },
  {
    title: 'new tokens are kept also when the lease has gone to another, who then does not get it for the old version',
    run: async store => {
      const session = await addSession(store)
      await store.takeLease(leaseRequest(session))
      const second = leaseRequest(session, { nowMs: LEASE_END, untilMs: LEASE_END + 60_000 })
      await store.takeLease(second)
      equal(await store.replaceTokens({ id: session.id, version: 1, sealed: 'new', nowMs: LEASE_END }), true)
      equal(await store.takeLease({ ...second, version: 1 }), false)
      equal(await store.takeLease({ ...second, version: 2 }), true)
    }
  },
  {
    title: 'a session that has ended or expired has no lease and takes no tokens',
    run: async store => {
      const ended = await addSession(store)
      await store.end({ kind: 'session', id: ended.id })
      const expired = await addSession(store, { expiresAtMs: LEASE_END })
      const late = leaseRequest(expired, { nowMs: LEASE_END })
      equal(await store.takeLease(leaseRequest(ended)), false)
      equal(await store.replaceTokens({ id: ended.id, version: 1, sealed: 'new', nowMs: CHECK_TIME }), false)
      equal(await store.find(ended.id, CHECK_TIME), null)
      equal(await store.takeLease(late), false)
      equal(await store.replaceTokens({ id: expired.id, version: 1, sealed: 'new', nowMs: LEASE_END }), false)
    }
  }
]
