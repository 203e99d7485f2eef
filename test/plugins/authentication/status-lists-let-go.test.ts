// How long status lists are followed: time is the test's own, and every look at a list is counted.
import { deflateSync } from 'node:zlib'
import { frozenTimers } from '@sallyport/testing'
import t, { type Test } from 'tap'
import {
  createStatusListSource,
  createTokenVerifier,
  type Fetch,
  type StatusListSourceOptions
} from '@sallyport/authentication'
import {
  AUDIENCE,
  encode,
  fixedKeys,
  goodClaims,
  ISSUER,
  issuerKey,
  NOW,
  signBytes,
  signToken
} from '../../support/issuer.ts'
import { until } from './support/servers.ts'

const key = issuerKey('ES256')
const PREFIX = `${ISSUER}/oauth2/status-lists/`
const LIST_BYTES = 8192

/** An issuer of status lists: what was asked for, and what it answers for a list. */
function setUp(t: Test, options: Partial<StatusListSourceOptions> = {}) {
  const world = {
    polls: 0,
    asked: new Map<string, number>(),
    status: (_uri: string): number => 200,
    list: (uri: string): Buffer => listToken(uri, [7])
  }
  const fetch: Fetch = async (uri, { headers }) => {
    world.polls++
    world.asked.set(uri, (world.asked.get(uri) ?? 0) + 1)
    const status = world.status(uri)
    if (status === 0) throw new Error('connection refused')
    if (status !== 200) return { status, headers: new Headers(), body: null }
    if (headers['if-none-match'] !== undefined) return { status: 304, headers: new Headers(), body: null }
    return { status, headers: new Headers({ etag: '"1"' }), body: bytes(world.list(uri)) }
  }
  const time = frozenTimers(NOW * 1000, async () => {
    await until(() => time.waiting() === source.size())
  })
  const source = createStatusListSource({
    issuer: ISSUER,
    keys: fixedKeys(key),
    allowedUris: PREFIX,
    fetch,
    clock: time.clock,
    startTimer: time.startTimer,
    log: () => {},
    pollMs: 1000,
    ...options
  })
  t.teardown(() => source.close())
  const see = async (uri: string, index = 0): Promise<string> => {
    await source.follow({ uri, index })
    return source.check({ uri, index })
  }
  return { world, source, time, see }
}

function listToken(uri: string, revoked: readonly number[], issuedAtSeconds = NOW): Buffer {
  const bits = Buffer.alloc(LIST_BYTES)
  for (const index of revoked) bits[index >> 3]! |= 1 << (index & 7)
  const list = { bits: 1, lst: deflateSync(bits).toString('base64url') }
  const claims = { iss: ISSUER, sub: uri, iat: issuedAtSeconds, status_list: list }
  const input = `${encode({ typ: 'statuslist+jwt', alg: 'ES256', kid: key.keyId })}.${encode(claims)}`
  return Buffer.from(`${input}.${signBytes(key, input).toString('base64url')}`)
}

async function* bytes(body: Buffer): AsyncGenerator<Uint8Array> {
  yield body
}

t.test('a list that no token names any more is let go of, and polled no more', async t => {
  const { world, source, time, see } = setUp(t, { unusedAfterMs: 60_000 })
  t.equal(await see(`${PREFIX}1`), 'valid')
  await time.advance(59_000)
  t.equal(world.polls, 60)
  t.equal(source.check({ uri: `${PREFIX}1`, index: 1 }), 'valid', 'a token that was verified before keeps it')
  await time.advance(59_000)
  t.equal(source.size(), 1)
  await time.advance(1000)
  t.equal(source.size(), 0)
  t.equal(source.ageMs(), null)
  const polls = world.polls
  await time.advance(3_600_000)
  t.equal(world.polls, polls)
})

t.test('letting go never accepts: the next token of the list waits for a fetch, or is refused', async t => {
  const { world, source, time } = setUp(t, { unusedAfterMs: 60_000 })
  const expected = { issuer: ISSUER, audience: AUDIENCE, keys: fixedKeys(key) }
  const verifier = createTokenVerifier({ ...expected, status: source, clock: time.clock })
  const uri = `${PREFIX}1`
  const token = (idx: number): string =>
    signToken(key, goodClaims({ exp: NOW + 3000, status: { status_list: { idx, uri } } }))
  t.ok(await verifier.verify(token(1)))
  await time.advance(61_000)
  t.equal(source.size(), 0)
  world.status = () => 0
  await t.rejects(verifier.verify(token(1)), { code: 'SALLYPORT_AUTHENTICATION_STATUS_UNAVAILABLE' }, 'unreachable')
  await time.advance(120_000)
  world.status = () => 410
  await t.rejects(verifier.verify(token(1)), { code: 'SALLYPORT_AUTHENTICATION_STATUS_UNAVAILABLE' }, 'gone')
  await time.advance(120_000)
  world.status = () => 200
  const before = world.polls
  t.ok(await verifier.verify(token(1)))
  t.equal(world.polls, before + 1)
  t.match(await verifier.verify(token(7)).catch((error: unknown) => error), { reason: 'token-revoked' })
})

t.test('letting go does not let an older list back in', async t => {
  const { world, source, time, see } = setUp(t, { unusedAfterMs: 60_000 })
  t.equal(await see(`${PREFIX}1`, 7), 'revoked')
  await time.advance(61_000)
  t.equal(source.size(), 0)
  world.list = uri => listToken(uri, [], NOW - 1)
  t.equal(await see(`${PREFIX}1`, 7), 'unavailable')
  t.equal(await see(`${PREFIX}2`, 7), 'valid', 'by itself that list is a good one')
})

t.test('a list that is gone is asked for at growing intervals, and at the usual one again when it is back', async t => {
  const { world, time, see } = setUp(t, { unusedAfterMs: 1e9 })
  world.status = () => 404
  t.equal(await see(`${PREFIX}1`), 'unavailable')
  await time.advance(3_600_000)
  t.ok(world.polls < 70, `${world.polls} looks in an hour`)
  for (let token = 0; token < 1000; token++) await see(`${PREFIX}1`)
  t.ok(world.polls < 70, 'tokens do not make it more')
  world.status = () => 200
  await time.advance(60_000)
  t.equal(await see(`${PREFIX}1`), 'valid')
  const polls = world.polls
  await time.advance(60_000)
  t.equal(world.polls, polls + 60)
})

t.test('past the bound the list used longest ago is let go of, and new sessions go on', async t => {
  const { world, source, time, see } = setUp(t, { maxLists: 1000, pollMs: 3_600_000 })
  for (let list = 0; list < 1000; list++) {
    await see(`${PREFIX}${list}`)
    await time.advance(1)
  }
  t.equal(await see(`${PREFIX}0`), 'valid', 'used again')
  await time.advance(1)
  t.equal(await see(`${PREFIX}1000`), 'valid')
  t.equal(source.size(), 1000)
  t.equal(source.check({ uri: `${PREFIX}1`, index: 0 }), 'unavailable')
  t.equal(source.check({ uri: `${PREFIX}0`, index: 0 }), 'valid')
  t.equal(await see(`${PREFIX}1`), 'valid', 'and the one let go of comes back with its next token')
  t.equal(world.asked.get(`${PREFIX}1`), 2)
})

t.test('only what stands directly under the prefix of the lists is a list', async t => {
  const { world, source, see } = setUp(t)
  const besides = [`${ISSUER}/oauth2/jwks`, `${ISSUER}/oauth2/status-lists`, PREFIX]
  for (const uri of [...besides, `${PREFIX}a/b`, `${PREFIX}1?x=1`, `${PREFIX}%31`]) {
    t.equal(await see(uri), 'unavailable', uri)
  }
  t.equal(world.polls, 0)
  t.equal(source.size(), 0)
  for (const allowedUris of [`${ISSUER}/`, 'https://other.example/', `${PREFIX}?x=/`]) {
    t.throws(() => setUp(t, { allowedUris }), { code: 'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID' }, allowedUris)
  }
  const tenant = { issuer: 'https://host.example/tenant', allowedUris: 'https://host.example/tenant/' }
  for (const options of [tenant, { maxLists: 0 }, { unusedAfterMs: 0 }]) {
    t.throws(() => setUp(t, options), { code: 'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID' })
  }
})

t.test('a month at ten logins a second keeps polls and lists flat', async t => {
  const POLL_MS = 1_200_000
  const LOGINS_PER_POLL = (10 * POLL_MS) / 1000
  const POSITIONS = 25_000
  const SESSION_POLLS = 8 * 3
  const DAY = 72
  const { world, source, time, see } = setUp(t, { pollMs: POLL_MS, unusedAfterMs: 1_800_000 })
  const listAt = (poll: number): number => Math.floor((Math.max(poll, 0) * LOGINS_PER_POLL) / POSITIONS)
  const days: Array<{ polls: number; lists: number }> = []
  for (let poll = 0; poll < 30 * DAY; poll++) {
    if (poll % DAY === 0) days.push({ polls: 0, lists: 0 })
    const day = days.at(-1)!
    const before = world.polls
    // Each session of the last eight hours is seen in each interval; one token of each of their lists stands for them.
    for (let list = listAt(poll - SESSION_POLLS); list <= listAt(poll); list++) {
      if ((await see(`${PREFIX}${list}`, 1 + (poll % 5))) !== 'valid') t.fail(`list ${list} at interval ${poll}`)
      if ((await see(`${PREFIX}${list}`, 7)) !== 'revoked') {
        t.fail(`list ${list} at interval ${poll} forgot a revocation`)
      }
    }
    await time.advance(POLL_MS)
    day.polls = Math.max(day.polls, world.polls - before)
    day.lists = Math.max(day.lists, source.size())
  }
  t.ok(listAt(30 * DAY) > 1000, `${listAt(30 * DAY)} lists in all`)
  const [, second, ...rest] = days
  t.ok(second!.lists <= 16 && second!.polls <= 17, `${second!.lists} lists, ${second!.polls} polls an interval`)
  for (const day of rest) t.ok(day.lists <= second!.lists && day.polls <= second!.polls + 1)
  t.ok(Math.max(...world.asked.values()) <= SESSION_POLLS + 10, 'no list outlives its sessions')
})
