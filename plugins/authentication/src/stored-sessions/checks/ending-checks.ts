import { deepEqual, equal } from 'node:assert/strict'
import type { EndedBy, SessionStore, StoredSession } from '../session-store.ts'
import { addSession, CHECK_TIME, type SessionStoreCheck } from './session-store-check.ts'

async function idsEndedBy(store: SessionStore, by: EndedBy): Promise<string[]> {
  return (await store.end(by)).map(({ id }) => id).sort()
}

const idsOf = (...sessions: readonly StoredSession[]): string[] => sessions.map(({ id }) => id).sort()

/** Which sessions end, and whose are listed. */
export const ENDING_CHECKS: readonly SessionStoreCheck[] = [
  {
    title: 'of ends of one session at the same time one gets it, with its tokens',
    run: async store => {
      const session = await addSession(store)
      const answers = await Promise.all(
        Array.from({ length: 20 }, async () => await store.end({ kind: 'session', id: session.id }))
      )
      deepEqual(
        answers.flat().map(({ id, sealed }) => [id, sealed]),
        [[session.id, session.sealed]]
      )
      equal(await store.find(session.id, CHECK_TIME), null)
    }
  },
  {
    title: 'what ends sessions once ends them once, until its time has passed',
    run: async store => {
      const first = await addSession(store)
      const { id: key, issuer, subject } = first
      const by = { kind: 'owner', issuer, subject } as const
      const use = { key, nowMs: CHECK_TIME, untilMs: CHECK_TIME + 1000 }
      const answers = await Promise.all(Array.from({ length: 20 }, async () => await store.endOnce(by, use)))
      deepEqual(
        answers.flatMap(ended => (ended ?? []).map(({ id }) => id)),
        [first.id]
      )
      equal(answers.filter(ended => ended === null).length, 19)
      const second = await addSession(store, { subject })
      const other = await addSession(store)
      equal(await store.endOnce(by, { ...use, nowMs: CHECK_TIME + 999 }), null)
      equal((await store.find(second.id, CHECK_TIME))?.id, second.id)
      const later = { key, nowMs: CHECK_TIME + 1000, untilMs: CHECK_TIME + 2000 }
      deepEqual(
        (await store.endOnce(by, later))?.map(({ id }) => id),
        [second.id]
      )
      deepEqual(await store.endOnce(by, { ...use, key: `${key}-other` }), [])
      equal((await store.find(other.id, CHECK_TIME))?.id, other.id)
    }
  },
  {
    title: 'a session whose tokens are newer than the refused ones does not end',
    run: async store => {
      const session = await addSession(store)
      await store.replaceTokens({ id: session.id, version: 1, sealed: 'new', nowMs: CHECK_TIME })
      deepEqual(await store.end({ kind: 'version', id: session.id, version: 1 }), [])
      equal((await store.find(session.id, CHECK_TIME))?.sealed, 'new')
      deepEqual(await idsEndedBy(store, { kind: 'version', id: session.id, version: 2 }), [session.id])
    }
  },
  {
    title: 'the sessions of an owner end together, and those of the same subject at another issuer go on',
    run: async store => {
      const first = await addSession(store)
      const { issuer, subject } = first
      const second = await addSession(store, { subject })
      const elsewhere = await addSession(store, { subject, issuer: 'https://other.example' })
      const other = await addSession(store)
      deepEqual(await idsEndedBy(store, { kind: 'owner', issuer, subject }), idsOf(first, second))
      deepEqual(await idsEndedBy(store, { kind: 'owner', issuer, subject }), [])
      equal((await store.find(elsewhere.id, CHECK_TIME))?.id, elsewhere.id)
      equal((await store.find(other.id, CHECK_TIME))?.id, other.id)
    }
  },
  {
    title: 'the sessions of one session at the issuer end, of the named subject and at the named issuer alone',
    run: async store => {
      const first = await addSession(store)
      const { issuer, subject } = first
      const issuerSessionId = first.issuerSessionId ?? ''
      const second = await addSession(store, { issuerSessionId, subject })
      const ofOther = await addSession(store, { issuerSessionId })
      const elsewhere = await addSession(store, { issuerSessionId, subject, issuer: 'https://other.example' })
      const without = await addSession(store, { issuerSessionId: null, subject })
      const by = { kind: 'issuer-session', issuer, issuerSessionId } as const
      deepEqual(await idsEndedBy(store, { ...by, subject }), idsOf(first, second))
      deepEqual(await idsEndedBy(store, { ...by, subject: null }), idsOf(ofOther))
      equal((await store.find(elsewhere.id, CHECK_TIME))?.id, elsewhere.id)
      equal((await store.find(without.id, CHECK_TIME))?.id, without.id)
    }
  },
  {
    title: 'a list has the sessions of its owner that live, the one used last first, and no more than asked for',
    run: async store => {
      const first = await addSession(store)
      const { issuer, subject } = first
      const second = await addSession(store, { subject, lastUsedAtMs: CHECK_TIME + 2 })
      const third = await addSession(store, { subject, lastUsedAtMs: CHECK_TIME + 1 })
      await addSession(store, { subject, expiresAtMs: CHECK_TIME + 10 })
      await addSession(store, { subject, issuer: 'https://other.example' })
      const listed = await store.listOfOwner({ issuer, subject }, CHECK_TIME + 10, 5)
      deepEqual(
        listed.map(({ id }) => id),
        [second.id, third.id, first.id]
      )
      equal((await store.listOfOwner({ issuer, subject }, CHECK_TIME + 10, 2)).length, 2)
    }
  }
]
