import { memoryStore, migrate, postgresStore, STORE_CHECKS, type Store } from '@sallyport/auth-server'
import t from 'tap'
import { testDatabase } from '../support/database.ts'

const titles = STORE_CHECKS.map(({ title }) => title)

t.test('the PostgreSQL store keeps the storage contract', async t => {
  const { db } = await testDatabase(t, 'auth-server-empty', async db => {
    await migrate(db, { appRole: 'postgres', prunerRole: 'postgres' })
  })
  for (const { title, run } of STORE_CHECKS) await t.resolves(run(postgresStore(db)), title)
})

t.test('the store in memory keeps the storage contract', async t => {
  const store = memoryStore()
  for (const { title, run } of STORE_CHECKS) await t.resolves(run(store), title)
})

/** A store with one thing wrong, also within its transactions. */
type Fault = (store: Store, isInside: boolean) => Partial<Store>
const SHOWN = new Map<string, object>()
const broken = (fault: Fault, store: Store = memoryStore(), isInside = false): Store => ({
  ...store,
  transaction: async work => await store.transaction(async trx => await work(broken(fault, trx, true))),
  ...fault(store, isInside)
})

const FAULTS: Record<string, Fault> = {
  'a rotation ignores what was there': ({ sessions }) => ({
    sessions: {
      ...sessions,
      rotate: async rotation => {
        await sessions.rotate(rotation)
        return true
      }
    }
  }),
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
    sessions: {
      ...sessions,
      rotate: async rotation =>
        (await sessions.rotate(rotation)) || (await sessions.find(rotation.sessionId))?.session.endedAtMs !== null
    }
  }),
  'two late repeats in a row are both noted': ({ sessions }) => ({
    sessions: {
      ...sessions,
      noteLateRepeat: async hash => {
        await sessions.noteLateRepeat(hash)
        return true
      }
    }
  }),
  'a late repeat is forgotten': ({ sessions }) => ({
    sessions: {
      ...sessions,
      noteLateRepeat: async hash => (await sessions.findByRefreshToken(hash))?.session.endedAtMs === null
    }
  }),
  'an end tells of sessions that had ended': ({ sessions }) => ({
    sessions: {
      ...sessions,
      end: async (selector, reason, nowMs) => {
        const ended = await sessions.end(selector, reason, nowMs)
        return ended.length === 0 && selector.kind === 'session'
          ? [(await sessions.find(selector.sessionId))?.session].flatMap(session => session ?? [])
          : ended
      }
    }
  }),
  'the list has ended sessions': ({ sessions }) => ({
    sessions: { ...sessions, listOfUser: async userId => await sessions.listOfUser(userId, 0) }
  }),
  'a code is used twice': ({ authorizationCodes }) => ({
    authorizationCodes: {
      ...authorizationCodes,
      use: async (hash, id) => {
        await authorizationCodes.use(hash, id)
        return true
      }
    }
  }),
  'a pushed request stays': ({ pushedRequests }) => ({
    pushedRequests: { ...pushedRequests, remove: async () => true }
  }),
  'consent is replaced': ({ consents }) => ({
    consents: {
      ...consents,
      add: async (userId, clientId, scopes, nowMs) => {
        await consents.remove(userId, clientId)
        await consents.add(userId, clientId, scopes, nowMs)
      }
    }
  }),
  'a renewed sign-in keeps its secret': ({ signIns }) => ({ signIns: { ...signIns, renew: async () => true } }),
  'an ended sign-in counts as live': ({ signIns }) => ({ signIns: { ...signIns, end: async () => [] } }),
  'a transaction that fails stays': store => ({ transaction: async work => await work(store) }),
  'a late rehash undoes a new password': ({ users }) => ({
    users: {
      ...users,
      rehash: async (id, _previous, hash) => {
        await users.setPasswordHash(id, hash, 0)
      }
    }
  }),
  'two users have one name': ({ users }) => ({
    users: {
      ...users,
      create: async (user, nowMs) => {
        await users.create(user, nowMs)
        return true
      }
    }
  }),
  'a client is used as it was': ({ clients }) => ({
    clients: {
      ...clients,
      lockForUse: async id => {
        const found = await clients.find(id)
        return found === null ? null : { ...found, disabledAtMs: null }
      }
    }
  }),
  'a field of a client does not change': ({ clients }) => ({
    clients: {
      ...clients,
      change: async (id, { jwks: _forgotten, ...changes }) => {
        await clients.change(id, changes)
      }
    }
  }),
  'an old secret lives on': ({ clients }) => ({ clients: { ...clients, expireOtherSecrets: async () => {} } }),
  'a key step is no compare-and-set': ({ signingKeys }) => ({
    signingKeys: {
      ...signingKeys,
      move: async (kid, from, to, nowMs) => {
        await signingKeys.move(kid, from, to, nowMs)
        return true
      }
    }
  }),
  'positions are given out in order': ({ statusLists }) => {
    let next = 0
    return {
      statusLists: {
        ...statusLists,
        allocate: async (size, nowMs) => ({ ...(await statusLists.allocate(size, nowMs)), index: next++ })
      }
    }
  },
  'a revocation forgets the version': ({ statusLists }) => ({
    statusLists: { ...statusLists, version: async listId => ((await statusLists.read(listId)) === null ? null : 1) }
  }),
  'a revocation is lost': ({ statusLists }) => ({ statusLists: { ...statusLists, revoke: async () => {} } }),
  'an id is used twice': ({ replays }) => ({
    replays: {
      record: async (id, nowMs) => {
        await replays.record(id, nowMs)
        return true
      }
    }
  }),
  'a claim leases nothing': ({ logoutNotices }) => ({
    logoutNotices: {
      ...logoutNotices,
      claim: async claim => await logoutNotices.claim({ ...claim, leaseUntilMs: claim.nowMs })
    }
  }),
  'a late attempt moves a notice that another one has': ({ logoutNotices }) => ({
    logoutNotices: {
      ...logoutNotices,
      postpone: async (notice, atMs) => {
        for (const attempts of [1, 2]) await logoutNotices.postpone({ ...notice, attempts }, atMs)
      }
    }
  }),
  'a notice is never settled': ({ logoutNotices }) => ({
    logoutNotices: { ...logoutNotices, remove: async () => true }
  }),
  'tidying forgets sessions': ({ housekeeping }) => ({
    housekeeping: { removeExpired: async rules => await housekeeping.removeExpired({ ...rules, endedBeforeMs: 0 }) }
  }),
  'tidying removes what lives': ({ housekeeping }) => ({
    housekeeping: {
      removeExpired: async rules =>
        await housekeeping.removeExpired({ ...rules, endedBeforeMs: rules.endedBeforeMs + 1e10 })
    }
  }),
  'a use of a successor is not told': ({ sessions }) => ({
    sessions: {
      ...sessions,
      findByRefreshToken: async hash => {
        const found = await sessions.findByRefreshToken(hash)
        return found === null ? null : { ...found, successorUsedAtMs: null }
      }
    }
  }),
  'a session comes with a user of another moment': ({ sessions }) => ({
    sessions: {
      ...sessions,
      findByRefreshToken: async hash => {
        const found = await sessions.findByRefreshToken(hash)
        return found === null ? null : { ...found, user: { ...found.user, roles: [] } }
      }
    }
  }),
  'an end by sign-in ends nothing': ({ sessions }) => ({
    sessions: {
      ...sessions,
      end: async (selector, reason, nowMs) =>
        selector.kind === 'sign-in' ? [] : await sessions.end(selector, reason, nowMs)
    }
  }),
  'a session keeps its position': ({ sessions }) => ({ sessions: { ...sessions, setStatus: async () => {} } }),
  'a part of a transaction that fails stays': (store, isInside) =>
    isInside ? { transaction: async work => await work(store) } : {},
  'a reader gets what others change': ({ users }) => ({
    users: {
      ...users,
      find: async id => {
        const found = await users.find(id)
        if (found === null) return null
        const shown = SHOWN.get(id) ?? {}
        SHOWN.set(id, Object.assign(shown, found))
        return shown as typeof found
      }
    }
  }),
  'a removed user keeps the name': ({ users }) => ({ users: { ...users, remove: async () => {} } }),
  'a taken name is given': ({ users }) => ({ users: { ...users, rename: async () => true } }),
  'a change of state is no other version': ({ users }) => ({ users: { ...users, setDisabled: async () => {} } }),
  'a page has everything': ({ users }) => ({ users: { ...users, list: async () => await users.list() } }),
  'a kept sign-in keeps nothing': ({ sessions }) => ({
    sessions: {
      ...sessions,
      end: async (selector, reason, nowMs) =>
        await sessions.end(
          selector.kind === 'user' ? { kind: 'user', userId: selector.userId } : selector,
          reason,
          nowMs
        )
    }
  }),
  'two clients have one id': ({ clients }) => ({
    clients: {
      ...clients,
      create: async (client, nowMs) => {
        await clients.create(client, nowMs)
        return true
      }
    }
  }),
  'a scope is everywhere': ({ scopes }) => ({ scopes: { ...scopes, ofAudience: async () => await scopes.list() } }),
  'a scope is created twice': ({ scopes }) => ({
    scopes: {
      ...scopes,
      create: async scope => {
        await scopes.create(scope)
        return true
      }
    }
  }),
  'a scope loses its descriptions': ({ scopes }) => ({
    scopes: {
      ...scopes,
      replace: async scope => {
        await scopes.replace({ ...scope, descriptions: {} })
      }
    }
  }),
  'an audience stays': ({ audiences }) => ({ audiences: { ...audiences, remove: async () => {} } }),
  'a transaction sees no audiences': ({ audiences }, isInside) => ({
    audiences: { ...audiences, find: async name => (isInside ? null : await audiences.find(name)) }
  }),
  'a role is created twice': ({ roles }) => ({
    roles: {
      ...roles,
      create: async role => {
        await roles.create(role)
        return true
      }
    }
  }),
  'a disabled role counts': ({ users }) => ({
    users: {
      ...users,
      find: async id => {
        const user = await users.find(id)
        return user === null ? null : { ...user, roles: user.givenRoles }
      }
    }
  }),
  'a role that is not there is given': ({ users }) => ({
    users: {
      ...users,
      setRoles: async (id, roles) => {
        await users.setRoles(id, roles).catch(() => {})
      }
    }
  }),
  'nobody has a role': ({ users }) => ({ users: { ...users, lockHolders: async () => [] } }),
  'no session uses anything': ({ sessions }) => ({ sessions: { ...sessions, lockLiveUsing: async () => [] } }),
  'a client stays': ({ clients }) => ({ clients: { ...clients, remove: async () => {} } }),
  'two keys sign': ({ signingKeys }) => ({
    signingKeys: {
      ...signingKeys,
      add: async key => {
        await signingKeys.add(key).catch(() => {})
      }
    }
  }),
  'an opaque token stays': ({ opaqueTokens }) => ({ opaqueTokens: { ...opaqueTokens, remove: async () => {} } }),
  'a notice is lost': ({ logoutNotices }) => ({ logoutNotices: { ...logoutNotices, add: async () => {} } }),
  'waits do not grow': ({ loginAttempts }) => ({
    loginAttempts: {
      ...loginAttempts,
      recordFailure: async failure => {
        await loginAttempts.recordFailure({ ...failure, longestWaitMs: failure.firstWaitMs })
      }
    }
  })
}

t.test('the checks find a store that breaks a promise, each of them', async t => {
  const shown = new Set<string>()
  for (const [fault, plant] of Object.entries(FAULTS)) {
    const store = broken(plant)
    const failed: string[] = []
    for (const { title, run } of STORE_CHECKS) {
      await run(store).catch(() => {
        failed.push(title)
      })
    }
    t.not(failed.length, 0, fault)
    for (const title of failed) shown.add(title)
  }
  t.strictSame(
    titles.filter(title => !shown.has(title)),
    [],
    'every check has failed for some fault'
  )
  t.equal(new Set(titles).size, titles.length, 'titles are unique')
})
