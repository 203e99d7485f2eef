import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { claimsOf, FACTS, login, startServer, token, type Answer } from '../support/authorization-server.ts'

const RULES = {
  account: { freeFailures: 3, firstWaitMs: 1000, longestWaitMs: 8000 },
  everywhere: { freeFailures: 12, firstWaitMs: 1000, longestWaitMs: 2000 },
  source: { freeFailures: 6, firstWaitMs: 1000, longestWaitMs: 8000 },
  windowMs: 60_000
}
const guess = async (app: FastifyInstance, username: string, sourceAddress?: string): Promise<Answer> =>
  await token(app, 'gateway', {
    grant_type: 'password',
    username,
    password: 'guess',
    ...(sourceAddress === undefined ? {} : { source_address: sourceAddress })
  })

t.test(
  'O-32: failed logins slow the account down, over instances and restarts, whatever the case and spaces',
  async t => {
    const { app, another, clock, events } = await startServer(t, {}, { throttleRules: RULES })
    for (const username of ['customer1', 'CUSTOMER1', ' customer1 ', 'Customer1']) {
      t.equal((await guess(app, username)).status, 400)
    }
    const restarted = await another()
    for (const instance of [app, restarted]) {
      const refused = await login(instance)
      t.match(
        [refused.status, refused.body.error, refused.headers['retry-after']],
        [429, 'slow_down', '1'],
        'even with the right password'
      )
    }
    t.match(events.at(-1), { stage: 'grant', outcome: 'denied', reason: 'login-throttled' })
    t.equal((await login(app, 'customer2')).status, 200, 'another account is free')
    clock.advance(1)
    t.equal((await login(app)).status, 200)
    t.equal((await guess(app, 'customer1')).status, 400, 'a success forgets the failures')
    t.equal((await login(app)).status, 200)
  }
)

t.test('O-32: the wait doubles up to a bound and failures are forgotten: nobody is locked out for good', async t => {
  const { app, clock } = await startServer(t, {}, { throttleRules: RULES })
  const waits: number[] = []
  for (let n = 0; n < 10; n++) {
    const wait = Number((await guess(app, 'customer1')).headers['retry-after'] ?? 0)
    if (wait > 0) waits.push(wait)
    clock.advance(wait)
    if (wait > 0) t.equal((await guess(app, 'customer1')).status, 400, 'one guess after the wait')
  }
  t.strictSame(waits, [1, 2, 4, 8, 8, 8])
  clock.advance(61)
  t.equal((await guess(app, 'customer1')).status, 400)
  t.equal((await login(app)).status, 200, 'after the window one failure costs nothing')
})

t.test(
  'O-32: a source is slowed down over all accounts, an IPv6 network as one, and a header cannot change the source',
  async t => {
    const { app } = await startServer(t, {}, { throttleRules: RULES })
    for (let n = 0; n < 7; n++) t.equal((await guess(app, `nobody${n}`, `2001:db8:0:1::${n}`)).status, 400)
    t.equal((await guess(app, 'other', '2001:db8:0:1:ffff::1')).status, 429, 'same /64')
    t.equal((await login(app, 'customer1', { source_address: '2001:db8:0:1::99' })).status, 429)
    t.equal((await login(app, 'customer1', { source_address: '2001:db8:0:2::1' })).status, 200, 'another network')
    for (let n = 0; n < 7; n++) t.equal((await guess(app, `nobody${n}`, '192.0.2.7')).status, 400)
    t.equal((await guess(app, 'other', '::ffff:192.0.2.7')).status, 429, 'one address in two notations')
    const forwarded = await app.inject({
      method: 'POST',
      url: '/oauth2/token',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'x-forwarded-for': '192.0.2.1',
        authorization: `Basic ${Buffer.from(`gateway:${'gateway-secret-'.padEnd(43, 'x')}`).toString('base64')}`
      },
      payload: new URLSearchParams({
        grant_type: 'password',
        username: 'customer1',
        password: FACTS.users.customer1.password,
        source_address: '2001:db8:0:1::5'
      }).toString()
    })
    t.equal(forwarded.statusCode, 429)
    t.match((await guess(app, 'customer1', 'not an address')).body.error, 'invalid_request')
  }
)

t.test('O-32: an unknown account is throttled like a known one', async t => {
  const { app } = await startServer(t, {}, { throttleRules: RULES })
  for (let n = 0; n < 4; n++) await guess(app, 'nobody')
  const [unknown] = [await guess(app, 'nobody')]
  for (let n = 0; n < 4; n++) await guess(app, 'customer1')
  const known = await guess(app, 'customer1')
  t.strictSame([unknown.status, unknown.text], [known.status, known.text])
})

t.test('O-32: guesses sent at the same time do not get past the count (CVE-2026-16103)', async t => {
  const runs: string[] = []
  const counting = {
    hash: async () => 'decoy',
    verify: async (_stored: string, password: string) => {
      runs.push(password)
      await new Promise(resolve => setImmediate(resolve))
      return password === FACTS.users.customer1.password
    }
  }
  const { app } = await startServer(
    t,
    { passwordConcurrency: 1 },
    { throttleRules: RULES, passwordHashFunction: counting }
  )
  const guesses = Array.from({ length: 20 }, async () => await guess(app, 'customer1'))
  const right = login(app)
  const answers = await Promise.all(guesses)
  t.equal((await right).status, 429, 'the right one among them comes too late')
  t.ok(runs.length <= 6, `${runs.length} of 21 were hashed`)
  t.ok(answers.filter(({ status }) => status === 429).length >= 15)
})

t.test('O-32: a right guess counts for nothing when the account was slowed down while it was being hashed', async t => {
  let meanwhile = async (): Promise<void> => {}
  const hashing = {
    hash: async () => 'decoy',
    verify: async (_stored: string, password: string) => {
      if (password !== FACTS.users.customer1.password) return false
      await meanwhile()
      return true
    }
  }
  const { app, another } = await startServer(t, {}, { throttleRules: RULES, passwordHashFunction: hashing })
  const other = await another()
  meanwhile = async () => {
    for (let n = 0; n < 4; n++) await guess(other, 'customer1')
  }
  t.equal((await login(app)).status, 429)
})

t.test(
  'a port that a proxy left on the source address is neither a reason to refuse a login nor a way around the limit',
  async t => {
    const { app, db } = await startServer(t, {}, { throttleRules: RULES })
    for (let n = 0; n < 7; n++) t.equal((await guess(app, `nobody${n}`, `192.0.2.9:${5000 + n}`)).status, 400)
    t.equal((await guess(app, 'other', '192.0.2.9')).status, 429, 'one source, whatever the port')
    for (const [told, kept] of [
      ['198.51.100.7:61234', '198.51.100.7'],
      ['[2001:db8:0:9::1]:443', '2001:db8:0:9::1'],
      ['fe80::1%eth0', 'fe80::1']
    ] as const) {
      const { status, body } = await login(app, 'customer1', { source_address: told })
      t.equal(status, 200, told)
      t.equal(
        (
          await db('sessions')
            .where({ id: claimsOf(body.access_token).sid })
            .first()
        ).source_address,
        kept
      )
    }
    for (const told of ['198.51.100.7:', '198.51.100.7:123456', '[198.51.100.7', 'a:1']) {
      t.equal((await guess(app, 'customer1', told)).body.error, 'invalid_request', told)
    }
  }
)
