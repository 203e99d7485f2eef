import t from 'tap'
import { claimsOf, introspect, login, post, refresh, startServer, token } from '../support/authorization-server.ts'

t.test(
  'O-11: a predecessor gives the same successor byte for byte until the successor was used and the grace has passed',
  async t => {
    const { app, clock } = await startServer(t)
    const first = (await login(app)).body.refresh_token
    const second = (await refresh(app, first)).body
    clock.advance(1800)
    const again = (await refresh(app, first)).body
    t.equal(again.refresh_token, second.refresh_token, 'minutes later, when the answer was lost')
    t.not(again.access_token, second.access_token, 'the access token is minted anew')

    const third = (await refresh(app, second.refresh_token)).body
    t.ok(third.refresh_token)
    clock.advance(10)
    t.equal(
      (await refresh(app, first)).body.refresh_token,
      second.refresh_token,
      'within the grace after the first use of the successor'
    )
    t.equal((await refresh(app, third.refresh_token)).status, 200, 'the session lives')
  }
)

t.test(
  'O-11: a predecessor presented after its successor was used and the grace passed ends that session and no other',
  async t => {
    const { app, clock, db, events } = await startServer(t)
    const stolen = (await login(app)).body
    const other = (await login(app)).body
    const second = (await refresh(app, stolen.refresh_token)).body
    const third = (await refresh(app, second.refresh_token)).body
    clock.advance(10.001)
    const replayed = await refresh(app, stolen.refresh_token)
    t.match([replayed.status, replayed.body.error], [400, 'invalid_grant'])
    t.match(events.at(-1), { stage: 'grant', outcome: 'denied', reason: 'refresh-token-reused' })
    t.equal(
      (await refresh(app, third.refresh_token)).body.error,
      'invalid_grant',
      'the newest token of the family is dead'
    )
    t.strictSame(await introspect(app, third.access_token), { active: false }, 'its access tokens too')
    const { status_list: reference } = claimsOf(third.access_token).status as {
      status_list: { idx: number; uri: string }
    }
    const { rows } = await db.raw('select get_bit(bits, ?) as bit from status_lists where id = ?', [
      reference.idx,
      reference.uri.split('/').at(-1)!
    ])
    t.equal(rows[0].bit, 1, 'the bit is set')
    t.equal((await refresh(app, other.refresh_token)).status, 200, 'the other session of the user lives')
    t.match(
      await db('sessions')
        .where({ id: claimsOf(third.access_token).sid })
        .first(),
      { end_reason: 'refresh-token-reused' }
    )
  }
)

t.test('O-12: 20 parallel refreshes of one token over two instances give one successor', async t => {
  const { app, another, db } = await startServer(t)
  const instances = [app, await another()]
  const first = (await login(app)).body.refresh_token
  const answers = await Promise.all(Array.from({ length: 20 }, async (_, n) => await refresh(instances[n % 2]!, first)))
  t.strictSame(new Set(answers.map(({ status }) => status)), new Set([200]))
  t.equal(new Set(answers.map(({ body }) => body.refresh_token)).size, 1)
  t.equal(new Set(answers.map(({ body }) => body.access_token)).size, 20)
  t.equal(Number((await db('refresh_tokens').count('*').first())?.count), 2, 'one predecessor, one successor')
})

t.test('O-13: a session ends without use and at its absolute end', async t => {
  const { app, clock, events } = await startServer(t, { loginIdleSeconds: 100, loginAbsoluteSeconds: 250 })
  const idle = (await login(app)).body.refresh_token
  clock.advance(100)
  t.equal((await refresh(app, idle)).body.error, 'invalid_grant')
  t.match(events.at(-1), { reason: 'session-idle' })

  let current = (await login(app)).body.refresh_token
  for (const seconds of [90, 90]) {
    clock.advance(seconds)
    current = (await refresh(app, current)).body.refresh_token
    t.ok(current, 'use keeps it alive')
  }
  clock.advance(70)
  t.equal((await refresh(app, current)).body.error, 'invalid_grant', 'but not past the absolute end')
  t.match(events.at(-1), { reason: 'session-expired' })
})

t.test('an api session has its own lifetime', async t => {
  const { app, clock } = await startServer(t, { apiIdleSeconds: 60 })
  const api = (await login(app, 'customer1', { session_kind: 'api' })).body.refresh_token
  clock.advance(60)
  t.equal((await refresh(app, api)).body.error, 'invalid_grant')
  t.match((await login(app, 'customer1', { session_kind: 'other' })).body.error, 'invalid_request')
})

t.test('O-14: a refresh token is of use to its own client only, and the scope does not grow', async t => {
  const { app, events } = await startServer(t)
  const { refresh_token: own } = (await login(app, 'admin1', { scope: 'orders:read restaurants:read' })).body
  const foreign = await refresh(app, own, {}, 'web-app')
  t.match([foreign.status, foreign.body.error], [400, 'invalid_grant'])
  t.match(events.at(-1), { stage: 'grant', outcome: 'denied', reason: 'refresh-token-foreign' })
  t.equal((await refresh(app, own, { scope: 'orders:read admin' })).body.error, 'invalid_scope')
  const narrowed = await refresh(app, own, { scope: 'orders:read' })
  t.equal(narrowed.body.scope, 'orders:read')
  t.equal(
    (await refresh(app, narrowed.body.refresh_token)).body.scope,
    'orders:read restaurants:read',
    'narrowing one token narrows not the session'
  )
})

t.test('when a session has ended, none of its refresh tokens gives anything, also within the grace', async t => {
  const { app } = await startServer(t)
  const first = (await login(app)).body.refresh_token
  const second = (await refresh(app, first)).body.refresh_token
  t.equal((await refresh(app, first)).body.refresh_token, second)
  await post(app, '/oauth2/revoke', 'gateway', { token: second ?? '' })
  for (const value of [first, second]) t.equal((await refresh(app, value)).body.error, 'invalid_grant')
})

t.test('a refused scope does not use the refresh token up', async t => {
  const { app, db } = await startServer(t)
  const { refresh_token: own } = (await login(app)).body
  t.equal((await refresh(app, own, { scope: 'nothing:known' })).body.error, 'invalid_scope')
  t.equal(Number((await db('refresh_tokens').whereNotNull('used_at').count('*').first())?.count), 0)
})

t.test('an unknown refresh token, and something that is none, are refused', async t => {
  const { app } = await startServer(t)
  for (const value of ['unknown', 'ä', "'; drop table sessions --", 'x'.repeat(10_000)]) {
    t.match(await refresh(app, value), { status: 400, body: { error: 'invalid_grant' } })
  }
  t.match((await token(app, 'gateway', { grant_type: 'refresh_token' })).body.error, 'invalid_request')
})
