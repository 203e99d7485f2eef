import { admin, buildApp, memoryStore, postgresStore, seedStore } from '@sallyport/auth-server'
import t, { type Test } from 'tap'
import { makeAuthority } from '../support/certificates.ts'
import { administration } from '../support/administration.ts'
import {
  CHEAP,
  claimsOf,
  exchange,
  FACTS,
  login,
  post,
  refresh,
  SETTINGS,
  startServer,
  type TestServer
} from '../support/authorization-server.ts'
import { deliveryByHand, startRelyingParty, validLogoutToken, type RelyingParty } from './support/relying-party.ts'

interface Stage extends TestServer {
  readonly party: RelyingParty
  readonly deliver: () => Promise<void>
  readonly notices: () => Promise<number>
  readonly outcomes: () => Promise<string[]>
}

async function start(
  t: Test,
  tls?: { readonly certificate: string; readonly privateKey: string; readonly ca: string }
): Promise<Stage> {
  const party = await startRelyingParty(t, tls)
  const { collaborators, deliver } = deliveryByHand(tls === undefined ? {} : { ca: tls.ca })
  const server = await startServer(t, {}, collaborators)
  await admin.setClientLogout(administration(server.db), 'gateway', { backchannelLogoutUri: party.uri })
  return {
    ...server,
    party,
    deliver,
    notices: async () => Number((await server.db('logout_notices').count('*').first())?.count),
    outcomes: async () =>
      (await server.db('audit_events').where({ action: 'logout.notify' }).orderBy('occurred_at')).map(
        ({ outcome, reason }: { outcome: string; reason: string }) => `${outcome} ${reason}`
      )
  }
}

const endOne = async ({ app }: TestServer): Promise<string> => {
  const { access_token: access, refresh_token: refreshToken = '' } = (await login(app)).body
  await post(app, '/oauth2/revoke', 'gateway', { token: refreshToken })
  return String(claimsOf(access).sid)
}

t.test(
  'O-35: a client hears once that its session ended, with two instances delivering, and the token is valid',
  async t => {
    const stage = await start(t)
    await stage.another()
    const sid = await endOne(stage)
    await stage.deliver()
    t.equal(stage.party.received.length, 1)
    const { payload, protectedHeader } = await validLogoutToken(
      stage.app,
      stage.party.received[0] ?? '',
      'gateway',
      stage.clock.ms
    )
    t.strictSame(
      Object.keys(payload).sort(),
      ['aud', 'events', 'exp', 'iat', 'iss', 'jti', 'sid', 'sub'],
      'and no nonce'
    )
    t.match(payload, { sub: FACTS.users.customer1.subject, sid, aud: 'gateway' })
    t.strictSame(payload.events, { 'http://schemas.openid.net/event/backchannel-logout': {} })
    t.equal(Number(payload.exp) - Number(payload.iat), 120)
    t.match(protectedHeader, { typ: 'logout+jwt', alg: 'ES256' })
    stage.clock.advance(3600)
    await stage.deliver()
    t.equal(stage.party.received.length, 1, 'never again')
    t.strictSame([await stage.notices(), await stage.outcomes()], [0, ['success delivered']])
  }
)

t.test(
  'O-35: a client hears of every end of a session: revocation, user, administrator, theft, password, disabling',
  async t => {
    const stage = await start(t)
    const { app, clock, db, party, deliver } = stage
    const nowAdmin = administration(db, () => clock.ms)
    const { subject } = FACTS.users.customer1
    const sidOf = (token: string) => String(claimsOf(token).sid)
    const ends: Record<string, () => Promise<string[]>> = {
      revocation: async () => [await endOne(stage)],
      user: async () => {
        const edge = (await login(app)).body.access_token
        const bearer = (await exchange(app, edge, 'auth-server')).body.access_token
        await app.inject({ method: 'DELETE', url: '/sessions', headers: { authorization: `Bearer ${bearer}` } })
        return [sidOf(edge)]
      },
      administrator: async () => {
        const sid = sidOf((await login(app)).body.access_token)
        await admin.endSessionsOf(nowAdmin, { kind: 'session', sessionId: sid })
        return [sid]
      },
      theft: async () => {
        const first = (await login(app)).body
        const second = (await refresh(app, first.refresh_token)).body
        await refresh(app, second.refresh_token)
        clock.advance(11)
        await refresh(app, first.refresh_token)
        return [sidOf(first.access_token)]
      },
      'password changed': async () => {
        const sids = [
          sidOf((await login(app)).body.access_token),
          sidOf((await login(app, 'customer1', { session_kind: 'api' })).body.access_token)
        ]
        await admin.setPassword(nowAdmin, subject, FACTS.users.customer1.password)
        return sids
      },
      'user disabled': async () => {
        const sid = sidOf((await login(app)).body.access_token)
        await admin.disableUser(nowAdmin, subject)
        await admin.enableUser(nowAdmin, subject)
        return [sid]
      },
      'client disabled': async () => {
        const sid = sidOf((await login(app)).body.access_token)
        await admin.disableClient(nowAdmin, 'gateway')
        return [sid]
      }
    }
    for (const [what, end] of Object.entries(ends)) {
      party.received.length = 0
      const sids = await end()
      await deliver()
      t.strictSame(party.received.map(token => String(claimsOf(token).sid)).sort(), sids.sort(), what)
    }
  }
)

t.test('O-35: a session whose end is rolled back, or whose client registered no address, makes no notice', async t => {
  const stage = await start(t)
  const session = (await login(stage.app)).body
  await stage.db.raw('alter table audit_events rename to audit_events_gone')
  t.equal((await post(stage.app, '/oauth2/revoke', 'gateway', { token: session.refresh_token ?? '' })).status, 503)
  await stage.db.raw('alter table audit_events_gone rename to audit_events')
  t.equal(await stage.notices(), 0)
  await admin.setClientLogout(administration(stage.db), 'gateway', { backchannelLogoutUri: null })
  await endOne(stage)
  t.equal(await stage.notices(), 0)
})

t.test('O-35: what fails for now is tried again with growing waits, each time with a new token', async t => {
  const stage = await start(t)
  const { clock, deliver, party } = stage
  party.behave(500, 'silent', 503, 429, 204)
  await endOne(stage)
  await deliver()
  for (const [index, seconds] of [5, 15, 60, 120].entries()) {
    clock.advance(seconds - 1)
    await deliver()
    t.equal(party.received.length, index + 1, `not before ${seconds} s`)
    clock.advance(1)
    await deliver()
    t.equal(party.received.length, index + 2, `after ${seconds} s`)
  }
  t.equal(new Set(party.received.map(token => claimsOf(token).jti)).size, 5)
  t.strictSame([await stage.notices(), await stage.outcomes()], [0, ['success delivered']])
  t.match(await stage.db('audit_events').where({ action: 'logout.notify' }).first('detail'), {
    detail: { attempts: 5, client: 'gateway' }
  })
})

t.test('O-35: a client that never answers is given up after six attempts, with an audit row', async t => {
  const stage = await start(t)
  stage.party.behave(500)
  await endOne(stage)
  for (let turn = 0; turn < 10; turn++) {
    await stage.deliver()
    stage.clock.advance(240)
  }
  t.equal(stage.party.received.length, 6)
  t.strictSame([await stage.notices(), await stage.outcomes()], [0, ['failure no-answer']])
})

t.test('O-35: a refusal is final, and a redirect is followed nowhere', async t => {
  for (const status of [400, 404, 302, 307, 202]) {
    const stage = await start(t)
    stage.party.behave(status)
    await endOne(stage)
    await stage.deliver()
    stage.clock.advance(240)
    await stage.deliver()
    t.equal(stage.party.received.length, 1, String(status))
    t.strictSame(
      [stage.party.strayed, await stage.notices(), await stage.outcomes()],
      [[], 0, ['failure refused']],
      String(status)
    )
  }
})

t.test('a notice survives the process that took it, and waits for one that starts later', async t => {
  const stage = await start(t)
  await endOne(stage)
  const nowMs = stage.clock.ms
  t.equal(
    (await postgresStore(stage.db).logoutNotices.claim({ nowMs, leaseUntilMs: nowMs + 30_000, limit: 20 })).length,
    1,
    'a process takes it and is killed'
  )
  stage.clock.advance(29)
  await stage.deliver()
  t.equal(stage.party.received.length, 0)
  await stage.app.close()
  stage.clock.advance(1)
  const later = deliveryByHand()
  await stage.another({}, later.collaborators)
  await later.deliver()
  t.equal(stage.party.received.length, 1)
})

t.test('O-35: concurrent claims never give one notice twice', async t => {
  const stage = await start(t)
  for (let count = 0; count < 4; count++) await endOne(stage)
  const store = postgresStore(stage.db)
  const claim = { nowMs: stage.clock.ms, leaseUntilMs: stage.clock.ms + 30_000 }
  await store.transaction(async first => {
    const taken = await first.logoutNotices.claim({ ...claim, limit: 1 })
    await stage.db.transaction(async second => {
      await second.raw("set local lock_timeout = '300ms'")
      const others = await postgresStore(second).logoutNotices.claim({ ...claim, limit: 20 })
      t.strictSame([taken.length, others.length], [1, 3], 'what another one is just taking is skipped, not waited for')
      t.notOk(others.some(({ id }) => id === taken[0]?.id))
    })
  })
})

t.test('an address that was withdrawn gets nothing any more', async t => {
  const stage = await start(t)
  await endOne(stage)
  await admin.setClientLogout(administration(stage.db), 'gateway', { backchannelLogoutUri: null })
  await stage.deliver()
  t.strictSame(
    [stage.party.received.length, await stage.notices(), await stage.outcomes()],
    [0, 0, ['failure address-withdrawn']]
  )
})

t.test('an answer without an end counts by its status and is cut', async t => {
  const stage = await start(t)
  for (const behaviour of ['endless', 'dripping'] as const) {
    stage.party.behave(behaviour)
    await endOne(stage)
    await stage.deliver()
  }
  t.strictSame(await stage.outcomes(), ['success delivered', 'success delivered'])
  t.ok(stage.party.sent() < 16 * 1024 ** 2, `${stage.party.sent()} bytes`)
})

t.test("a client's server is asked over TLS only with a certificate of a trusted authority", async t => {
  const authority = await makeAuthority()
  const { certificate, privateKey } = await authority.issue({ names: ['localhost'], usages: ['server'] })
  const trusted = await start(t, { certificate, privateKey, ca: authority.certificate })
  await endOne(trusted)
  await trusted.deliver()
  t.strictSame(await trusted.outcomes(), ['success delivered'])
  const foreign = await start(t, { certificate, privateKey, ca: (await makeAuthority()).certificate })
  await endOne(foreign)
  await foreign.deliver()
  t.strictSame([foreign.party.received.length, await foreign.notices(), await foreign.outcomes()], [0, 1, []])
})

t.test('the server delivers by itself while it runs', async t => {
  const party = await startRelyingParty(t)
  const server = await startServer(t)
  await admin.setClientLogout(administration(server.db), 'gateway', { backchannelLogoutUri: party.uri })
  await endOne(server)
  await party.until(1)
  t.equal(party.received.length, 1)
})

t.test('a store in memory keeps notices by the same rules', async t => {
  const store = memoryStore()
  await seedStore(store, FACTS, CHEAP)
  const party = await startRelyingParty(t)
  const clock = { ms: Date.now() }
  const { collaborators, deliver } = deliveryByHand()
  const app = await buildApp(SETTINGS, { store, clock: () => clock.ms, passwordParameters: CHEAP, ...collaborators })
  t.after(async () => {
    await app.close()
  })
  await app.ready()
  const end = async () => {
    await post(app, '/oauth2/revoke', 'gateway', { token: (await login(app)).body.refresh_token ?? '' })
  }
  await end()
  await deliver()
  t.equal(party.received.length, 0, 'no address, no notice')
  await store.clients.change('gateway', { backchannelLogoutUri: party.uri, postLogoutRedirectUris: [] })
  party.behave(500, 200)
  await end()
  await Promise.all([deliver(), deliver()])
  t.equal(party.received.length, 1)
  clock.ms += 4999
  await deliver()
  t.equal(party.received.length, 1)
  clock.ms += 1
  await deliver()
  t.equal(party.received.length, 2)
  await store.transaction(async trx => {
    await trx.logoutNotices.add([], clock.ms)
  })
  const claim = { nowMs: clock.ms + 3_600_000, leaseUntilMs: clock.ms + 3_600_001, limit: 5 }
  t.strictSame(await store.logoutNotices.claim(claim), [], 'it is settled')
  await end()
  const [notice] = await store.logoutNotices.claim(claim)
  t.match(notice, { clientId: 'gateway', attempts: 1, uri: party.uri })
  t.strictSame(await store.logoutNotices.claim(claim), [], 'leased')
})

t.test('logout addresses are checked when they are registered', async t => {
  const { db } = await startServer(t)
  const set = async (logout: admin.NewClientLogout) =>
    await admin.setClientLogout(administration(db), 'web-app', logout)
  for (const uri of [
    'http://rp.example/logout',
    'https://rp.example/#f',
    'https://user@rp.example/',
    'ftp://rp.example/',
    'com.example.app:/logout',
    '/logout',
    'https://rp.example/a b',
    'https://rp.example/ü',
    'https://rp.example\\@x/',
    'http://127.0.0.1.example/'
  ]) {
    await t.rejects(set({ backchannelLogoutUri: uri }), { code: 'SALLYPORT_AUTH_SERVER_VALUE_INVALID' }, uri)
  }
  for (const uri of [
    'http://rp.example/',
    'https://rp.example/#',
    'javascript:alert(1)',
    'data:text/html,x',
    'https://rp.example/ü',
    '/'
  ]) {
    await t.rejects(
      set({ postLogoutRedirectUris: ['https://rp.example/', uri] }),
      { code: 'SALLYPORT_AUTH_SERVER_VALUE_INVALID' },
      uri
    )
  }
  await t.rejects(
    admin.createClient(administration(db), {
      id: 'another',
      grantTypes: [],
      backchannelLogoutUri: 'http://rp.example'
    }),
    { code: 'SALLYPORT_AUTH_SERVER_VALUE_INVALID' }
  )
  await t.rejects(admin.setClientLogout(administration(db), 'nobody', {}), { code: 'SALLYPORT_AUTH_SERVER_UNKNOWN' })
  await set({
    backchannelLogoutUri: 'https://rp.example/logout?tenant=1',
    postLogoutRedirectUris: ['https://rp.example/bye', 'http://127.0.0.1:9090/bye', 'com.example.app:/bye']
  })
  await set({ postLogoutRedirectUris: [] })
  t.match(
    await postgresStore(db).clients.find('web-app'),
    { backchannelLogoutUri: 'https://rp.example/logout?tenant=1', postLogoutRedirectUris: [] },
    'what is left out stays'
  )
})
