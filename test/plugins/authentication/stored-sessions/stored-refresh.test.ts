// What becomes of a session whose refresh is disturbed, at each point where it can be.
import t from 'tap'
import { codeOf, until } from '../../support/session-app.ts'
import { askOrders, gatewayAt, startGateways, startGatewaySharing } from './support/gateways.ts'

const EXPIRY_MS = 301_000
const LEASE_MS = 60_000
const IMPATIENT = { stored: { waitMs: 60 } }

t.test('S-17: at three gateways 200 requests at expiry make one refresh, 0 × 401, and the cookie stays', async t => {
  const world = await startGateways(t, [{}, {}, {}])
  const { issuer, browser } = world
  issuer.nowMs += EXPIRY_MS
  const open = Promise.withResolvers<void>()
  issuer.gate = open.promise
  const asked = Array.from({ length: 200 }, async (_, at) => await askOrders(gatewayAt(world, at % 3), browser))
  await until(() => issuer.calls.refresh === 1)
  open.resolve()
  const answers = await Promise.all(asked)
  t.same(new Set(answers.map(({ statusCode }) => statusCode)), new Set([200]))
  t.same(new Set(answers.map(({ json }) => json<{ token: string }>().token)).size, 1)
  t.same(new Set(answers.map(({ headers }) => headers['set-cookie'])), new Set([undefined]))
  t.equal(issuer.calls.refresh, 1)
  t.equal((await world.kept())?.version, 2)
})

t.test('the answer to a browser may be lost: it comes back with the same cookie', async t => {
  const { issuer, browser, gateways } = await startGateways(t)
  for (let round = 1; round <= 3; round++) {
    issuer.nowMs += EXPIRY_MS
    for (const gateway of gateways) t.equal((await askOrders(gateway, browser)).statusCode, 200)
    t.equal(issuer.calls.refresh, round)
  }
})

t.test('while one refreshes ahead of time, the others go on with the token that is still good', async t => {
  const open = Promise.withResolvers<void>()
  const world = await startGateways(t, [{}, {}])
  const { issuer, browser } = world
  issuer.nowMs += 280_000
  issuer.gate = open.promise
  const first = askOrders(gatewayAt(world, 0), browser)
  await until(() => issuer.calls.refresh === 1)
  t.equal((await askOrders(gatewayAt(world, 0), browser)).statusCode, 200)
  t.equal((await askOrders(gatewayAt(world, 1), browser)).statusCode, 200)
  open.resolve()
  t.equal((await first).statusCode, 200)
  t.equal(issuer.calls.refresh, 1)
})

t.test('S-17: a holder that stood still before it asked, past its lease, does not ask any more', async t => {
  const wake = Promise.withResolvers<void>()
  let taken = 0
  const world = await startGateways(t, [{}, IMPATIENT])
  const { issuer, browser, store } = world
  const asleep = await startGatewaySharing(t, world, {
    takeLease: async request => {
      const isTaken = await store.takeLease(request)
      taken++
      if (taken === 1) await wake.promise
      return isTaken
    }
  })
  issuer.nowMs += EXPIRY_MS
  const sleeping = askOrders(asleep, browser)
  await until(() => taken === 1)
  const early = await askOrders(gatewayAt(world, 1), browser)
  t.equal(early.statusCode, 503, 'nobody else may ask yet')
  t.equal(codeOf(early), 'SALLYPORT_AUTHENTICATION_SERVER_UNAVAILABLE')
  t.ok(early.headers['retry-after'])
  t.equal(issuer.calls.refresh, 0)
  issuer.nowMs += LEASE_MS
  t.equal((await askOrders(gatewayAt(world, 1), browser)).statusCode, 200)
  wake.resolve()
  t.equal((await sleeping).statusCode, 200)
  t.equal(issuer.calls.refresh, 1)
})

t.test('S-17: a holder that stood still after the issuer answered keeps the tokens when it wakes', async t => {
  for (const beyondLease of [false, true]) {
    const wake = Promise.withResolvers<void>()
    const world = await startGateways(t, [{}, IMPATIENT])
    const { issuer, browser } = world
    const asleep = await startGatewaySharing(t, world, {}, async () => {
      await wake.promise
    })
    issuer.nowMs += EXPIRY_MS
    const sleeping = askOrders(asleep, browser)
    await until(() => issuer.calls.refresh === 1)
    t.equal((await askOrders(gatewayAt(world, 1), browser)).statusCode, 503)
    if (beyondLease) issuer.nowMs += LEASE_MS
    wake.resolve()
    t.equal((await sleeping).statusCode, 200)
    t.equal((await askOrders(gatewayAt(world, 1), browser)).statusCode, 200)
    t.equal(issuer.calls.refresh, 1)
  }
})

for (const rotation of ['strict', 'idempotent'] as const) {
  const ends = rotation === 'strict'
  t.test(
    `a holder that died after the issuer rotated (${rotation}): ${ends ? 'the session is over' : 'the session goes on'} once the lease has run out`,
    async t => {
      const dead = Promise.withResolvers<void>()
      const world = await startGateways(t, [{}, IMPATIENT])
      const { issuer, browser } = world
      issuer.rotation = rotation
      const dying = await startGatewaySharing(t, world, {}, async () => {
        await dead.promise
        throw new Error('died')
      })
      issuer.nowMs += EXPIRY_MS
      const lost = askOrders(dying, browser)
      await until(() => issuer.calls.refresh === 1)
      t.equal((await askOrders(gatewayAt(world, 1), browser)).statusCode, 503)
      t.equal(issuer.calls.refresh, 1, 'as long as it may only be slow, nobody asks')
      issuer.nowMs += LEASE_MS
      const answer = await askOrders(gatewayAt(world, 1), browser)
      t.equal(answer.statusCode, ends ? 401 : 200)
      t.equal(issuer.calls.refresh, 2)
      t.equal((await world.kept()) === null, ends)
      dead.resolve()
      t.equal((await lost).statusCode, 503)
    }
  )
}

t.test('a request that the issuer never got costs a 503 and no session', async t => {
  const { issuer, browser, gateways, kept } = await startGateways(t, [{}, {}])
  issuer.nowMs += EXPIRY_MS
  issuer.trouble = 'unavailable'
  for (const gateway of gateways) t.equal((await askOrders(gateway, browser)).statusCode, 503)
  t.equal((await kept())?.lease, null, 'the lease was given back')
  issuer.trouble = null
  for (const gateway of gateways) t.equal((await askOrders(gateway, browser)).statusCode, 200)
  t.equal(issuer.calls.refresh, 3)
})

t.test('an outage ahead of time harms nobody: the token is still good, and the issuer is left alone', async t => {
  const { issuer, browser, gateways } = await startGateways(t)
  issuer.nowMs += 280_000
  issuer.trouble = 'unavailable'
  for (let times = 0; times < 3; times++) {
    for (const gateway of gateways) t.equal((await askOrders(gateway, browser)).statusCode, 200)
  }
  t.equal(issuer.calls.refresh, 1)
})

t.test('a store that is away when the tokens are there gets them when it is back', async t => {
  const world = await startGateways(t)
  const { issuer, browser, store } = world
  let away = 3
  const gateway = await startGatewaySharing(t, world, {
    replaceTokens: async change => {
      if (away-- > 0) throw new Error('the store is away')
      return await store.replaceTokens(change)
    }
  })
  issuer.nowMs += EXPIRY_MS
  t.equal((await askOrders(gateway, browser)).statusCode, 200)
  t.equal(issuer.calls.refresh, 1)
  t.equal((await world.kept())?.version, 2)
})

t.test('tokens that were kept without an answer are not taken for those of another', async t => {
  const world = await startGateways(t)
  const { issuer, browser, store } = world
  let lost = 1
  const gateway = await startGatewaySharing(t, world, {
    replaceTokens: async change => {
      const isReplaced = await store.replaceTokens(change)
      if (lost-- > 0) throw new Error('no answer')
      return isReplaced
    }
  })
  issuer.nowMs += EXPIRY_MS
  t.equal((await askOrders(gateway, browser)).statusCode, 200)
  t.equal((await askOrders(gateway, browser)).statusCode, 200)
  t.same([issuer.calls.refresh, issuer.calls.revoke, (await world.kept())?.version], [1, 0, 2])
})

t.test('a lease that was taken without an answer is given back', async t => {
  const world = await startGateways(t)
  const { issuer, browser, store, kept } = world
  let lost = 1
  const gateway = await startGatewaySharing(t, world, {
    takeLease: async request => {
      const isTaken = await store.takeLease(request)
      if (lost-- > 0) throw new Error('no answer')
      return isTaken
    }
  })
  issuer.nowMs += EXPIRY_MS
  t.equal((await askOrders(gateway, browser)).statusCode, 503)
  t.equal((await kept())?.lease, null)
  t.equal((await askOrders(gateway, browser)).statusCode, 200)
})

t.test('a logout during a refresh wins: the new tokens are revoked, and nobody is logged in', async t => {
  const wake = Promise.withResolvers<void>()
  const world = await startGateways(t, [{}, {}])
  const { issuer, browser } = world
  const slow = await startGatewaySharing(t, world, {}, async () => {
    await wake.promise
  })
  issuer.nowMs += EXPIRY_MS
  const refreshing = askOrders(slow, browser)
  await until(() => issuer.calls.refresh === 1)
  const logout = await gatewayAt(world, 1).app.inject({
    method: 'POST',
    url: '/logout',
    headers: { cookie: browser.cookieHeader(), 'sec-fetch-site': 'same-origin' }
  })
  t.equal(logout.statusCode, 204)
  wake.resolve()
  t.equal((await refreshing).statusCode, 401)
  t.equal(issuer.calls.revoke, 2)
  t.equal(await world.kept(), null)
})

t.test('a refusal of tokens that were replaced meanwhile does not end the session', async t => {
  const world = await startGateways(t, [{}, {}])
  const { issuer, browser } = world
  issuer.rotation = 'idempotent'
  const wake = Promise.withResolvers<void>()
  const late = await startGatewaySharing(t, world, {}, async () => {
    await wake.promise
    throw Object.assign(new Error('no'), { code: 'SALLYPORT_TOKEN_REJECTED' })
  })
  issuer.nowMs += EXPIRY_MS
  const refused = askOrders(late, browser)
  await until(() => issuer.calls.refresh === 1)
  issuer.nowMs += LEASE_MS
  t.equal((await askOrders(gatewayAt(world, 1), browser)).statusCode, 200)
  wake.resolve()
  t.equal((await refused).statusCode, 200)
})

t.test('a refused refresh ends the session everywhere: 401 and the cookie is cleared', async t => {
  const world = await startGateways(t, [{}, {}])
  const { issuer, browser } = world
  issuer.endSessionsOf('customer1')
  const answer = await browser.get('/orders')
  t.equal(answer.statusCode, 401)
  t.equal(codeOf(answer), 'SALLYPORT_AUTHENTICATION_SESSION_ENDED')
  t.equal(browser.cookies.size, 0)
  t.equal(await world.kept(), null)
})

t.test('a token that the issuer refuses is renewed once, also where another process did it before', async t => {
  const { issuer, browser, gateways } = await startGateways(t, [{}, {}])
  issuer.statusBlind = true
  issuer.changeRoles('customer1', ['ADMIN'])
  for (const gateway of gateways) {
    const answer = await askOrders(gateway, browser, '/exchanged')
    t.equal(answer.statusCode, 200)
    t.same(answer.json<{ roles: string[] }>().roles, ['ADMIN'])
  }
  t.equal(issuer.calls.refresh, 1)
})
