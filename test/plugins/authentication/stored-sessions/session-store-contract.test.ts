import {
  memorySessionStore,
  postgresSessionStore,
  redisSessionStore,
  SESSION_STORE_CHECKS,
  sessionMigrations,
  type SessionStore
} from '@sallyport/authentication/session-stores'
import t from 'tap'
import { connect, testDatabase } from '../../../support/database.ts'
import { startRedis, WITHOUT_REDIS } from '../../../support/redis-server.ts'

const titles = SESSION_STORE_CHECKS.map(({ title }) => title)

t.test('every check has a title of its own', async t => {
  t.equal(new Set(titles).size, titles.length)
})

t.test('the store in memory keeps the contract of session stores', async t => {
  const store = memorySessionStore()
  for (const { title, run } of SESSION_STORE_CHECKS) await t.resolves(run(store), title)
})

t.test('the PostgreSQL store keeps the contract of session stores, over two pools', async t => {
  const { db, url } = await testDatabase(t, 'login-sessions', async db => {
    const { source, tableName } = sessionMigrations({ appRole: 'postgres' })
    await db.migrate.latest({ migrationSource: source, tableName })
  })
  const other = connect(url)
  t.after(() => other.destroy())
  const store = inTurns(postgresSessionStore(db), postgresSessionStore(other))
  for (const { title, run } of SESSION_STORE_CHECKS) await t.resolves(run(store), title)
})

t.test(
  'the Redis store keeps the contract of session stores, over two connections',
  { skip: WITHOUT_REDIS },
  async t => {
    const redis = await startRedis(t)
    const [one, other] = [await redis.connect(), await redis.connect()]
    const store = inTurns(redisSessionStore({ command: one }), redisSessionStore({ command: other }))
    for (const { title, run } of SESSION_STORE_CHECKS) await t.resolves(run(store), title)
  }
)

t.test('the store in memory ends the session that began first when there are too many', async t => {
  const store = memorySessionStore({ maxSessions: 2 })
  const session = (id: string) => ({
    id,
    issuer: 'https://issuer.example',
    subject: 'subject-1',
    issuerSessionId: null,
    createdAtMs: 0,
    lastUsedAtMs: 0,
    expiresAtMs: 1000,
    sealed: 'sealed',
    version: 1,
    lease: null,
    data: null,
    dataVersion: 0
  })
  for (const id of ['a', 'b', 'c']) await store.create(session(id), 0)
  t.same(await Promise.all(['a', 'b', 'c'].map(async id => (await store.find(id, 0))?.id)), [undefined, 'b', 'c'])
  t.throws(() => memorySessionStore({ maxSessions: 0 }), RangeError)
  t.throws(() => redisSessionStore({ command: async () => null, prefix: 'sessions:' }), RangeError)
})

/** Every call goes to the other of two stores over one server. */
function inTurns(one: SessionStore, other: SessionStore): SessionStore {
  let calls = 0
  return new Proxy(one, {
    get: (_target, name, receiver) => Reflect.get(calls++ % 2 === 0 ? one : other, name, receiver) as unknown
  })
}

/** A store with one thing wrong. */
type SessionStoreFault = (store: SessionStore) => Partial<SessionStore>

const later = async (): Promise<void> => {
  await new Promise(resolve => {
    setImmediate(resolve)
  })
}

const FAULTS: Record<string, SessionStoreFault> = {
  'a lease is given to everybody': store => ({
    takeLease: async request => {
      await store.takeLease(request)
      return true
    }
  }),
  'a lease is looked at and taken in two steps': ({ find, takeLease, ...store }) => ({
    takeLease: async request => {
      if ((await find(request.id, request.nowMs))?.lease !== null) return false
      await later()
      const { lease } = (await find(request.id, request.nowMs)) ?? {}
      if (lease != null) await store.releaseLease(request.id, lease.holder)
      return await takeLease(request)
    }
  }),
  'a lease never runs out': ({ takeLease, find }) => ({
    takeLease: async request => (await find(request.id, request.nowMs))?.lease === null && (await takeLease(request))
  }),
  'a lease is taken for a version that is gone': ({ takeLease, find }) => ({
    takeLease: async request =>
      await takeLease({ ...request, version: (await find(request.id, request.nowMs))?.version ?? 0 })
  }),
  'whoever asks gives a lease back': ({ releaseLease, find }) => ({
    releaseLease: async (id, holder) => {
      await releaseLease(id, (await find(id, 0))?.lease?.holder ?? holder)
    }
  }),
  'a lease is not given back': () => ({ releaseLease: async () => {} }),
  'tokens are replaced whatever their version': ({ replaceTokens, find }) => ({
    replaceTokens: async change => {
      const version = (await find(change.id, change.nowMs))?.version
      return version !== undefined && (await replaceTokens({ ...change, version }))
    }
  }),
  'tokens are replaced only by the holder of the lease': ({ replaceTokens, find }) => ({
    replaceTokens: async change =>
      ((await find(change.id, change.nowMs))?.lease?.untilMs ?? 0) <= change.nowMs + 59_999 &&
      (await replaceTokens(change))
  }),
  'new tokens leave the lease': store => ({
    replaceTokens: async change => {
      const lease = (await store.find(change.id, change.nowMs))?.lease ?? null
      const isReplaced = await store.replaceTokens(change)
      const { id, version, nowMs } = change
      if (isReplaced && lease !== null) await store.takeLease({ id, version: version + 1, nowMs, ...lease })
      return isReplaced
    }
  }),
  'a session is found after its expiry': ({ find }) => ({ find: async id => await find(id, 0) }),
  'an expired session has a lease': ({ takeLease }) => ({
    takeLease: async request => await takeLease({ ...request, nowMs: 0 })
  }),
  'an expired session takes tokens': ({ replaceTokens }) => ({
    replaceTokens: async change => await replaceTokens({ ...change, nowMs: 0 })
  }),
  'an expired session takes data': ({ replaceData }) => ({
    replaceData: async change => await replaceData({ ...change, nowMs: 0 })
  }),
  'a use lengthens a session that has expired': ({ touch }) => ({ touch: async use => await touch(use, 0) }),
  'a use is not noted': () => ({ touch: async () => {} }),
  'a session is created over another': store => ({
    create: async (session, nowMs) => {
      await store.end({ kind: 'session', id: session.id })
      await store.create(session, nowMs)
    }
  }),
  'a field is forgotten': ({ create }) => ({
    create: async (session, nowMs) => {
      await create({ ...session, issuerSessionId: session.issuerSessionId ?? '' }, nowMs)
    }
  }),
  'a use brings an ended session back': store => {
    const seen = new Map<string, Parameters<SessionStore['create']>>()
    return {
      create: async (session, nowMs) => {
        seen.set(session.id, [session, nowMs])
        await store.create(session, nowMs)
      },
      touch: async (use, nowMs) => {
        const known = seen.get(use.id)
        if ((await store.find(use.id, 0)) === null && known !== undefined) await store.create(...known)
        await store.touch(use, nowMs)
      }
    }
  },
  'data are replaced whatever their version': ({ replaceData, find }) => ({
    replaceData: async change => {
      const dataVersion = (await find(change.id, change.nowMs))?.dataVersion
      return dataVersion !== undefined && (await replaceData({ ...change, dataVersion }))
    }
  }),
  'what counts once counts again': ({ end }) => ({ endOnce: async by => await end(by) }),
  'what counts once counts never again': ({ endOnce }) => ({
    endOnce: async (by, use) => await endOnce(by, { ...use, untilMs: Number.MAX_SAFE_INTEGER })
  }),
  'what counts once is used without ending anything': ({ endOnce }) => ({
    endOnce: async (_by, use) => await endOnce({ kind: 'session', id: 'nobody' }, use)
  }),
  'too much is removed': ({ removeExpired }) => ({
    removeExpired: async (nowMs, limit) => await removeExpired(nowMs + 1, limit)
  }),
  'an end tells of sessions that had ended': store => {
    const seen = new Map<string, Awaited<ReturnType<SessionStore['end']>>>()
    return {
      end: async by => {
        const ended = await store.end(by)
        if (by.kind !== 'session') return ended
        if (ended.length > 0) seen.set(by.id, ended)
        return seen.get(by.id) ?? ended
      }
    }
  },
  'a refused version ends newer tokens too': ({ end }) => ({
    end: async by => await end(by.kind === 'version' ? { kind: 'session', id: by.id } : by)
  }),
  'a subject is the same at every issuer': store => ({
    end: async by =>
      by.kind === 'owner'
        ? [...(await store.end(by)), ...(await store.end({ ...by, issuer: 'https://other.example' }))]
        : await store.end(by)
  }),
  'the subject of a session at the issuer does not count': ({ end }) => ({
    end: async by => await end(by.kind === 'issuer-session' ? { ...by, subject: null } : by)
  }),
  'a list has expired sessions': ({ listOfOwner }) => ({
    listOfOwner: async (owner, _nowMs, limit) => await listOfOwner(owner, 0, limit)
  }),
  'a list has no order': ({ listOfOwner }) => ({
    listOfOwner: async (owner, nowMs, limit) => [...(await listOfOwner(owner, nowMs, limit))].reverse()
  }),
  'a list has more than was asked for': ({ listOfOwner }) => ({
    listOfOwner: async (owner, nowMs) => await listOfOwner(owner, nowMs, 1000)
  })
}

for (const [fault, change] of Object.entries(FAULTS)) {
  t.test(`the checks find a store in which ${fault}`, async t => {
    const store = memorySessionStore()
    const broken = { ...store, ...change(store) }
    const outcomes = await Promise.allSettled(SESSION_STORE_CHECKS.map(async ({ run }) => await run(broken)))
    t.ok(outcomes.some(({ status }) => status === 'rejected'))
  })
}

t.test('each check finds one of these faults', async t => {
  const finders = new Set<string>()
  for (const change of Object.values(FAULTS)) {
    for (const { title, run } of SESSION_STORE_CHECKS) {
      const store = memorySessionStore()
      await run({ ...store, ...change(store) }).catch(() => finders.add(title))
    }
  }
  t.same([...finders].sort(), [...titles].sort())
})
