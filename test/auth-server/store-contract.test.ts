import { memoryStore, migrate, postgresStore, STORE_CHECKS, type Store } from '@sallyport/auth-server'
import t from 'tap'
import { testDatabase } from '../support/database.ts'

const titles = STORE_CHECKS.map(({ title }) => title)

t.test('the PostgreSQL store keeps the storage contract', async t => {
  const { db } = await testDatabase(t, 'auth-server-empty', async db => { await migrate(db, { appRole: 'postgres', prunerRole: 'postgres' }) })
  for (const { title, run } of STORE_CHECKS) await t.resolves(run(postgresStore(db)), title)
})

t.test('the store in memory keeps the storage contract', async t => {
  const store = memoryStore()
  for (const { title, run } of STORE_CHECKS) await t.resolves(run(store), title)
})

/** A store with one thing wrong, also within its transactions. */
type Fault = (store: Store) => Partial<Store>
const broken = (fault: Fault, store: Store = memoryStore()): Store => ({
  ...store,
  transaction: async work => await store.transaction(async trx => await work(broken(fault, trx))),
  ...fault(store)
})

const FAULTS: Record<string, Fault> = {
  'a rotation ignores what was there': ({ sessions }) => ({ sessions: { ...sessions, rotate: async rotation => { await sessions.rotate(rotation); return true } } }),
  'a rotation looks and writes in two steps': ({ sessions }) => ({
    sessions: {
      ...sessions,
      rotate: async rotation => {
        if ((await sessions.findByRefreshToken(rotation.hash))?.successorSealed !== null) return false
        await new Promise(resolve => setImmediate(resolve))
        await sessions.rotate(rotation)
        return true
      }
    }
  }),
  'a rotation does not ask whether the session has ended': ({ sessions }) => ({
    sessions: { ...sessions, rotate: async rotation => await sessions.rotate(rotation) || (await sessions.find(rotation.sessionId))?.session.endedAtMs !== null }
  }),
  'an end tells of sessions that had ended': ({ sessions }) => ({
    sessions: { ...sessions, end: async (selector, reason, nowMs) => { const ended = await sessions.end(selector, reason, nowMs); return ended.length === 0 && selector.kind === 'session' ? [(await sessions.find(selector.sessionId))?.session].flatMap(session => session ?? []) : ended } }
  }),
  'the list has ended sessions': ({ sessions }) => ({ sessions: { ...sessions, listOfUser: async userId => await sessions.listOfUser(userId, 0) } }),
  'a code is used twice': ({ authorizationCodes }) => ({ authorizationCodes: { ...authorizationCodes, use: async (hash, id) => { await authorizationCodes.use(hash, id); return true } } }),
  'a pushed request stays': ({ pushedRequests }) => ({ pushedRequests: { ...pushedRequests, remove: async () => true } }),
  'consent is replaced': ({ consents }) => ({ consents: { ...consents, add: async (userId, clientId, scopes, nowMs) => { await consents.remove(userId, clientId); await consents.add(userId, clientId, scopes, nowMs) } } }),
  'a renewed sign-in keeps its secret': ({ signIns }) => ({ signIns: { ...signIns, renew: async () => true } }),
  'an ended sign-in counts as live': ({ signIns }) => ({ signIns: { ...signIns, end: async () => [] } }),
  'a transaction that fails stays': store => ({ transaction: async work => await work(store) }),
  'a late rehash undoes a new password': ({ users }) => ({ users: { ...users, rehash: async (id, _previous, hash) => { await users.setPasswordHash(id, hash, 0) } } }),
  'two users have one name': ({ users }) => ({ users: { ...users, create: async (user, nowMs) => { await users.create(user, nowMs); return true } } }),
  'an old secret lives on': ({ clients }) => ({ clients: { ...clients, expireOtherSecrets: async () => {} } }),
  'a key step is no compare-and-set': ({ signingKeys }) => ({ signingKeys: { ...signingKeys, move: async (kid, from, to, nowMs) => { await signingKeys.move(kid, from, to, nowMs); return true } } }),
  'positions are given out in order': ({ statusLists }) => {
    let next = 0
    return { statusLists: { ...statusLists, allocate: async (size, nowMs) => ({ ...await statusLists.allocate(size, nowMs), index: next++ }) } }
  },
  'a revocation forgets the version': ({ statusLists }) => ({ statusLists: { ...statusLists, version: async listId => await statusLists.read(listId) === null ? null : 1 } }),
  'a revocation is lost': ({ statusLists }) => ({ statusLists: { ...statusLists, revoke: async () => {} } }),
  'an id is used twice': ({ replays }) => ({ replays: { record: async (id, nowMs) => { await replays.record(id, nowMs); return true } } }),
  'a claim leases nothing': ({ logoutNotices }) => ({ logoutNotices: { ...logoutNotices, claim: async claim => await logoutNotices.claim({ ...claim, leaseUntilMs: claim.nowMs }) } }),
  'a late attempt moves a notice that another one has': ({ logoutNotices }) => ({ logoutNotices: { ...logoutNotices, postpone: async (notice, atMs) => { for (const attempts of [1, 2]) await logoutNotices.postpone({ ...notice, attempts }, atMs) } } }),
  'a notice is never settled': ({ logoutNotices }) => ({ logoutNotices: { ...logoutNotices, remove: async () => true } }),
  'tidying forgets sessions': ({ housekeeping }) => ({ housekeeping: { removeExpired: async rules => await housekeeping.removeExpired({ ...rules, endedBeforeMs: 0 }) } }),
  'tidying removes what lives': ({ housekeeping }) => ({ housekeeping: { removeExpired: async rules => await housekeeping.removeExpired({ ...rules, endedBeforeMs: rules.endedBeforeMs + 1e10 }) } }),
  'waits do not grow': ({ loginAttempts }) => ({ loginAttempts: { ...loginAttempts, recordFailure: async failure => { await loginAttempts.recordFailure({ ...failure, longestWaitMs: failure.firstWaitMs }) } } })
}

t.test('the checks find a store that breaks a promise', async t => {
  for (const [fault, plant] of Object.entries(FAULTS)) {
    const store = broken(plant)
    const failed = []
    for (const { title, run } of STORE_CHECKS) await run(store).catch(() => { failed.push(title) })
    t.not(failed.length, 0, fault)
  }
  t.equal(new Set(titles).size, titles.length, 'titles are unique')
})
