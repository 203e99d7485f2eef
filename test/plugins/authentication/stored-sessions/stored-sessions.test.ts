import { errors } from '@sallyport/authentication'
import { memorySessionStore } from '@sallyport/authentication/session-stores'
import t from 'tap'
import { FakeIssuer } from '../../support/fake-issuer.ts'
import { measured } from '../../support/measured.ts'
import { Browser, buildApp, codeOf, key } from '../../support/session-app.ts'
import { askOrders, gatewayAt, HANDLE_COOKIE, startGateways } from './support/gateways.ts'

const UNSAFE = { method: 'POST', url: '/orders' } as const

t.test('S-02: the browser gets a handle and nothing else, and the store never sees it', async t => {
  const { browser, kept } = await startGateways(t)
  t.same([...browser.cookies.keys()], [HANDLE_COOKIE])
  const handle = browser.cookies.get(HANDLE_COOKIE) ?? ''
  t.match(handle, /^[\w-]{43}$/)
  const text = JSON.stringify(await kept())
  t.notMatch(text, handle)
  for (const secret of ['access-', 'refresh-', 'Test browser']) t.notMatch(text, secret)
  const login = await browser.logIn()
  const { name, value: _value, ...attributes } = login.cookies[0] ?? { name: '', value: '' }
  t.equal(name, HANDLE_COOKIE)
  t.same(attributes, { path: '/', httpOnly: true, secure: true, sameSite: 'Lax' })
  t.equal(login.headers['cache-control'], 'no-store')
})

t.test('S-07: a login gets a new handle and ends the session of the old one', async t => {
  const world = await startGateways(t)
  const { browser, issuer } = world
  const before = browser.cookieHeader()
  t.equal((await browser.logIn()).statusCode, 200)
  t.not(browser.cookieHeader(), before)
  const old = await gatewayAt(world, 0).app.inject({ url: '/orders', headers: { cookie: before } })
  t.equal(old.statusCode, 401)
  t.equal(issuer.calls.revoke, 1)
  t.equal((await browser.get('/orders')).statusCode, 200)
})

t.test('a handle that an attacker planted does not survive a login', async t => {
  const world = await startGateways(t)
  const victim = new Browser(gatewayAt(world, 0).app)
  victim.cookies.set(HANDLE_COOKIE, 'a'.repeat(43))
  t.equal((await victim.logIn()).statusCode, 200)
  t.not(victim.cookies.get(HANDLE_COOKIE), 'a'.repeat(43))
})

t.test('a handle of another form, an unknown one and two of them are refused', async t => {
  const world = await startGateways(t)
  const { app, events } = gatewayAt(world, 0)
  const good = world.browser.cookieHeader()
  const cases = [
    [`${HANDLE_COOKIE}=`, 401, 'SALLYPORT_AUTHENTICATION_COOKIE_INVALID', 'session/denied/cookie-invalid'],
    [`${good}x`, 401, 'SALLYPORT_AUTHENTICATION_COOKIE_INVALID', 'session/denied/cookie-invalid'],
    [
      `${HANDLE_COOKIE}=${'b'.repeat(43)}`,
      401,
      'SALLYPORT_AUTHENTICATION_SESSION_ENDED',
      'session/denied/session-ended'
    ],
    [`${good}; ${good}`, 400, 'SALLYPORT_AUTHENTICATION_COOKIE_DUPLICATED', 'session/denied/cookie-duplicated']
  ] as const
  for (const [cookie, status, code, event] of cases) {
    const answer = await app.inject({ url: '/orders', headers: { cookie } })
    t.equal(answer.statusCode, status, cookie)
    t.equal(codeOf(answer), code)
    t.equal(events()[0], event)
    t.equal(answer.cookies.length, status === 401 ? 1 : 0, 'a useless cookie is cleared')
  }
  const sealed = await app.inject({ url: '/orders', headers: { cookie: '__Host-sallyport-access=k1.AAAA' } })
  t.equal(codeOf(sealed), 'SALLYPORT_AUTHENTICATION_REQUIRED', 'cookies with tokens are none of this app')
})

t.test('S-05: an unsafe method by handle needs the own origin or the header', async t => {
  const world = await startGateways(t)
  const { app } = gatewayAt(world, 0)
  const cookie = world.browser.cookieHeader()
  const refused = await app.inject({ ...UNSAFE, headers: { cookie, 'sec-fetch-site': 'cross-site' } })
  t.equal(refused.statusCode, 403)
  t.equal(codeOf(refused), 'SALLYPORT_AUTHENTICATION_CSRF_REFUSED')
  t.equal((await app.inject({ ...UNSAFE, headers: { cookie } })).statusCode, 403)
  t.equal((await app.inject({ ...UNSAFE, headers: { cookie, 'x-sallyport-csrf': '1' } })).statusCode, 200)
})

t.test('S-09: a session ends when nobody used it for its idle time, and its use is noted now and then', async t => {
  const { browser, issuer, kept } = await startGateways(t, [{ stored: { idleSeconds: 600, absoluteSeconds: 86_400 } }])
  issuer.nowMs += 29_000
  await browser.get('/orders')
  t.equal((await kept())?.lastUsedAtMs, issuer.nowMs - 29_000, 'not each use is written')
  for (let times = 0; times < 10; times++) {
    issuer.nowMs += 560_000
    t.equal((await browser.get('/orders')).statusCode, 200)
  }
  issuer.nowMs += 600_000
  t.equal((await browser.get('/orders')).statusCode, 401)
})

t.test('S-09: a session ends at its absolute end however much it is used, and refreshes do not move that', async t => {
  const { browser, issuer } = await startGateways(t, [{ stored: { idleSeconds: 600, absoluteSeconds: 3600 } }])
  for (let times = 0; times < 9; times++) {
    issuer.nowMs += 399_000
    t.equal((await browser.get('/orders')).statusCode, 200)
  }
  issuer.nowMs += 9_000
  t.equal((await browser.get('/orders')).statusCode, 401)
})

t.test('past the bound the session of a person that was not used for longest ends', async t => {
  const world = await startGateways(t, [{ stored: { maxPerOwner: 3 } }])
  const { issuer, browser } = world
  const others = Array.from({ length: 3 }, () => new Browser(gatewayAt(world, 0).app))
  for (const other of others) {
    issuer.nowMs += 1000
    await other.logIn()
  }
  t.equal((await browser.get('/orders')).statusCode, 401)
  for (const other of others) t.equal((await other.get('/orders')).statusCode, 200)
  t.equal(issuer.calls.revoke, 1)
})

t.test('S-03: the ring turns: an old key opens, a key that is gone is a clean logout', async t => {
  const store = memorySessionStore()
  const issuer = new FakeIssuer()
  const gateway = async (...ids: readonly string[]) =>
    await buildApp(t, {
      issuer,
      session: { keys: ids.map(key), stored: { store, schedule: () => ({ stop: () => {} }) } }
    })
  const first = await gateway('k1')
  const browser = new Browser(first.app)
  await browser.logIn()
  const ask = async (ids: readonly string[]) => (await askOrders(await gateway(...ids), browser)).statusCode
  t.equal(await ask(['k2', 'k1']), 200)
  issuer.nowMs += 301_000
  t.equal(await ask(['k2', 'k1']), 200, 'refreshed, and sealed anew')
  t.equal(await ask(['k2']), 200)
  t.equal(await ask(['k3']), 401)
})

t.test('what was sealed for one session does not open another', async t => {
  const world = await startGateways(t)
  const { browser, store, issuer, kept } = world
  const victim = await kept()
  const attacker = new Browser(gatewayAt(world, 0).app)
  issuer.nowMs += 1000
  await attacker.logIn()
  const own = await kept()
  await store.replaceTokens({ id: own?.id ?? '', version: 1, sealed: victim?.sealed ?? '', nowMs: issuer.nowMs })
  t.equal((await attacker.get('/orders')).statusCode, 401)
  t.equal((await browser.get('/orders')).statusCode, 200)
})

t.test('S-07: a logout ends the session in every gateway at once and revokes its refresh token', async t => {
  const world = await startGateways(t, [{}, {}])
  const { browser, issuer, kept } = world
  const copy = browser.cookieHeader()
  const logout = await browser.send({ method: 'POST', url: '/logout' })
  t.equal(logout.statusCode, 204)
  t.equal(browser.cookies.size, 0)
  t.equal(issuer.calls.revoke, 1)
  t.equal(await kept(), null)
  const answer = await gatewayAt(world, 1).app.inject({ url: '/orders', headers: { cookie: copy } })
  t.equal(answer.statusCode, 401)
  t.equal((await browser.send({ method: 'POST', url: '/logout' })).statusCode, 204, 'and once more')
})

t.test('a logout that cannot reach the store clears the cookie and says that it is incomplete', async t => {
  const { browser } = await startGateways(t, [
    {
      store: {
        end: async () => {
          throw new Error('away')
        }
      }
    }
  ])
  const logout = await browser.send({ method: 'POST', url: '/logout' })
  t.equal(logout.statusCode, 503)
  t.equal(codeOf(logout), 'SALLYPORT_AUTHENTICATION_LOGOUT_INCOMPLETE')
  t.equal(browser.cookies.size, 0)
})

t.test('a store that is away or silent is 503 with Retry-After, and nobody is logged out', async t => {
  let trouble: 'away' | 'silent' | null = null
  const store = memorySessionStore()
  const { browser, gateways } = await startGateways(t, [
    {
      store: {
        ...store,
        find: async (id, nowMs) => {
          if (trouble === 'away') throw new Error('away')
          if (trouble === 'silent') await new Promise(() => {})
          return await store.find(id, nowMs)
        }
      },
      stored: { storeTimeoutMs: 20 }
    }
  ])
  for (const each of ['away', 'silent'] as const) {
    trouble = each
    const answer = await browser.get('/orders')
    t.equal(answer.statusCode, 503, each)
    t.equal(codeOf(answer), 'SALLYPORT_AUTHENTICATION_STORE_UNAVAILABLE')
    t.ok(answer.headers['retry-after'])
    t.equal(browser.cookies.size, 1)
  }
  trouble = null
  t.equal((await browser.get('/orders')).statusCode, 200)
  t.equal(gateways.length, 1)
})

t.test('a login that cannot be kept is 503 and its session is revoked', async t => {
  const issuer = new FakeIssuer()
  const store = memorySessionStore()
  const create = async (): Promise<void> => {
    throw new Error('away')
  }
  const { app } = await buildApp(t, { issuer, session: { stored: { store: { ...store, create } } } })
  const browser = new Browser(app)
  const login = await browser.logIn()
  t.equal(login.statusCode, 503)
  t.equal(codeOf(login), 'SALLYPORT_AUTHENTICATION_STORE_UNAVAILABLE')
  t.same([browser.cookies.size, issuer.calls.revoke], [0, 1])
})

t.test('what is over is removed by and by, and a store that fails is asked again', async t => {
  const runs: Array<() => Promise<void>> = []
  const limits: number[] = []
  let stopped = false
  const issuer = new FakeIssuer()
  const store = memorySessionStore()
  const { app } = await buildApp(t, {
    issuer,
    session: {
      stored: {
        store: {
          ...store,
          removeExpired: async (_nowMs, limit) => {
            limits.push(limit)
            if (limits.length === 2) throw new Error('away')
            return limits.length === 3 ? limit : 0
          }
        },
        schedule: run => {
          runs.push(run)
          return { stop: () => (stopped = true) }
        }
      }
    }
  })
  const [tidy] = runs
  for (let times = 0; times < 3; times++) await tidy?.()
  t.same(limits, [1000, 1000, 1000, 1000], 'a full batch is followed by another')
  await app.close()
  t.ok(stopped)
})

t.test('of 60 updates of the data at three gateways none is lost', async t => {
  const addRoutes = (app: Parameters<NonNullable<Parameters<typeof buildApp>[1]>['addRoutes'] & object>[0]): void => {
    app.post('/cart', { config: { access: 'authenticated', audit: 'none' } }, async request => {
      const count = (data: Record<string, unknown>) => ({ ...data, count: Number(data['count'] ?? 0) + 1 })
      await request.sessionData?.update(count)
      return request.sessionData?.get()
    })
    app.get('/cart', { config: { access: 'authenticated', audit: 'none' } }, async request =>
      request.sessionData?.get()
    )
    app.post('/heavy', { config: { access: 'authenticated', audit: 'none' } }, async request =>
      request.sessionData?.update(() => ({ text: 'é'.repeat(8200) }))
    )
  }
  const world = await startGateways(t, [{ addRoutes }, { addRoutes }, { addRoutes }])
  const { browser, kept } = world
  const headers = { cookie: browser.cookieHeader(), 'x-sallyport-csrf': '1' }
  const answers = await Promise.all(
    Array.from(
      { length: 60 },
      async (_, at) => await gatewayAt(world, at % 3).app.inject({ method: 'POST', url: '/cart', headers })
    )
  )
  t.same(new Set(answers.map(({ statusCode }) => statusCode)), new Set([200]))
  t.same(
    answers.map(({ json }) => json<{ count: number }>().count).sort((a, b) => a - b),
    [...Array(60).keys()].map(n => n + 1)
  )
  t.same((await browser.get('/cart')).json(), { count: 60 })
  t.notMatch((await kept())?.data, 'count', 'sealed')
  const heavy = await gatewayAt(world, 0).app.inject({ method: 'POST', url: '/heavy', headers })
  t.equal(heavy.statusCode, 500)
  t.same((await browser.get('/cart')).json(), { count: 60 })
})

t.test('a caller without a stored session has no data', async t => {
  const seen: unknown[] = []
  const { app } = await buildApp(t, {
    addRoutes: app => {
      app.get('/data', { config: { access: 'authenticated', audit: 'none' } }, async request => {
        seen.push(request.sessionData)
        return {}
      })
    }
  })
  const browser = new Browser(app)
  await browser.logIn()
  await browser.get('/data')
  t.same(seen, [null])
})

t.test('refreshes of stored sessions are counted', async t => {
  const world = await startGateways(t)
  world.issuer.nowMs += 301_000
  await world.browser.get('/orders')
  const { app } = gatewayAt(world, 0)
  t.equal(await measured(app, 'sallyport_session_tokens_due_total'), 1)
  t.same(await measured(app, 'sallyport_session_refreshes_total'), { success: 1, rejected: 0, unavailable: 0 })
})

t.test('P1: boot names every mistake in the options of stored sessions at once', async t => {
  const stored = { store: {} as never, idleSeconds: 0, maxPerOwner: 1000 }
  await t.rejects(buildApp(t, { session: { stored } }), {
    code: new errors.AuthenticationOptionsError('').code,
    message: /session\.stored\.store.*session\.stored\.idleSeconds.*session\.stored\.maxPerOwner/s
  })
})
