import { deflateSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { createStatusListSource, createTokenVerifier, type StatusListSourceOptions } from '@sallyport/authentication'
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
import { fakeFetch, until, type FakeAnswer } from './support/servers.ts'

const key = issuerKey('ES256')
const uri = `${ISSUER}/status-lists/1`

/** A list of 1024 tokens of which these are revoked. */
function pack(...revoked: number[]): string {
  const bits = Buffer.alloc(128)
  for (const index of revoked) bits[index >> 3]! |= 1 << (index & 7)
  return deflateSync(bits).toString('base64url')
}

function listToken(claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}, signer = key): string {
  const input = `${encode({ typ: 'statuslist+jwt', alg: signer.algorithm, kid: signer.keyId, ...header })}.${encode({ iss: ISSUER, sub: uri, iat: NOW, exp: NOW + 3600, ttl: 60, status_list: { bits: 1, lst: pack() }, ...claims })}`
  return `${input}.${signBytes(signer, input).toString('base64url')}`
}
const revoking = (...revoked: number[]): FakeAnswer => ({
  body: listToken({ status_list: { bits: 1, lst: pack(...revoked) } })
})

function setUp(t: Test, options: Partial<StatusListSourceOptions> = {}) {
  const world = { nowMs: NOW * 1000, answer: (): FakeAnswer => revoking(), logged: [] as unknown[] }
  const fetch = fakeFetch(() => world.answer())
  const source = createStatusListSource({
    issuer: ISSUER,
    keys: fixedKeys(key),
    allowedUris: `${ISSUER}/status-lists/`,
    fetch,
    clock: () => world.nowMs,
    pollMs: 2,
    maxStalenessMs: 60_000,
    log: (_message, detail) => {
      world.logged.push(detail['error'])
    },
    ...options
  })
  t.teardown(() => source.close())
  /** Waits until every fetch begun before now has been answered. */
  const polled = async () => {
    const before = fetch.calls.length
    await until(() => fetch.calls.length >= before + 2)
  }
  return { world, fetch, source, polled }
}

t.test('a list is fetched at first sight, once for many tokens, and polled from then on', async t => {
  const { world, fetch, source, polled } = setUp(t, { pollMs: 50 })
  t.equal(source.check({ uri, index: 3 }), 'unavailable')
  t.equal(source.ageMs(), null)
  await Promise.all(Array.from({ length: 100 }, async (_, index) => await source.follow({ uri, index })))
  t.equal(fetch.calls.length, 1)
  t.equal(fetch.calls[0]?.init.headers['accept'], 'application/statuslist+jwt')
  t.equal(source.check({ uri, index: 3 }), 'valid')
  t.equal(source.ageMs(), 0)
  world.answer = () => revoking(3)
  await polled()
  t.equal(source.check({ uri, index: 3 }), 'revoked')
  for (const index of [2, 4, 11, 0, 1023]) t.equal(source.check({ uri, index }), 'valid', `index ${index}`)
})

t.test('an interval that has changed begins with the wait under way', async t => {
  let pollMs = 60_000
  const waits: Array<{ readonly ms: number; readonly run: () => void; stopped: boolean }> = []
  const { source, fetch } = setUp(t, {
    pollMs: () => pollMs,
    startTimer: (run, ms) => {
      const wait = { ms, run, stopped: false }
      waits.push(wait)
      return {
        stop: () => {
          wait.stopped = true
        }
      }
    }
  })
  await source.follow({ uri, index: 3 })
  pollMs = 5
  source.reschedule()
  t.match(waits, [
    { ms: 60_000, stopped: true },
    { ms: 5, stopped: false }
  ])
  waits[1]?.run()
  await until(() => fetch.calls.length === 2 && waits.length === 3)
  t.equal(waits[2]?.ms, 5)
})

t.test('the example of the draft is read bit by bit', async t => {
  const { world, source } = setUp(t)
  // draft-ietf-oauth-status-list §4.1: two bytes 0xb9 0xa3
  world.answer = () => ({ body: listToken({ status_list: { bits: 1, lst: 'eNrbuRgAAhcBXQ' } }) })
  await source.follow({ uri, index: 0 })
  t.same(
    Array.from({ length: 16 }, (_, index) => (source.check({ uri, index }) === 'revoked' ? 1 : 0)),
    [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]
  )
})

t.test('an unchanged list is confirmed without being sent', async t => {
  const { world, fetch, source, polled } = setUp(t)
  world.answer = () => ({ ...revoking(1), headers: { etag: '"v1"' } })
  await source.follow({ uri, index: 1 })
  world.answer = () => ({ status: 304 })
  world.nowMs += 50_000
  await polled()
  t.equal(fetch.calls.at(-1)?.init.headers['if-none-match'], '"v1"')
  t.equal(source.ageMs(), 0)
  t.equal(source.check({ uri, index: 1 }), 'revoked')
})

t.test('the last good list is used up to the allowed staleness; a revocation does not get old', async t => {
  const { world, source, polled } = setUp(t)
  world.answer = () => revoking(7)
  await source.follow({ uri, index: 0 })
  world.answer = () => {
    throw new Error('connection refused')
  }
  world.nowMs += 60_000
  await polled()
  t.equal(source.check({ uri, index: 0 }), 'valid')
  t.equal(world.logged.length, 1, 'logged once per outage')
  world.nowMs += 1
  t.equal(source.check({ uri, index: 0 }), 'unavailable')
  t.equal(source.check({ uri, index: 7 }), 'revoked')
  world.answer = () => ({ body: listToken({ iat: NOW + 60 }) })
  await polled()
  t.equal(source.check({ uri, index: 0 }), 'valid', 'and it recovers by itself')
})

t.test('O-28: a list of another kind, address, issuer, time or signer is refused', async t => {
  const bomb = deflateSync(Buffer.alloc(2_000_000)).toString('base64url')
  const stranger = issuerKey('ES256', key.keyId)
  const cases: Record<string, string> = {
    'typ is not': listToken({}, { typ: 'at+jwt' }),
    'typ is not statuslist': listToken({}, { typ: undefined }),
    'sub is not': listToken({ sub: `${ISSUER}/status-lists/2` }),
    'another issuer': listToken({ iss: 'https://other.example' }),
    expired: listToken({ exp: NOW }),
    'iat is missing': listToken({ iat: undefined }),
    'or in the future': listToken({ iat: NOW + 120 }),
    'exp is not a number': listToken({ exp: 'never' }),
    'signature not valid': listToken({}, {}, stranger),
    'key not known': listToken({}, { kid: 'other' }),
    'algorithm not allowed': listToken({}, { alg: 'none' }),
    'critical header': listToken({}, { crit: ['x'], x: 1 }),
    'not one bit': listToken({ status_list: { bits: 2, lst: pack() } }),
    'no status_list': listToken({ status_list: undefined }),
    'lst is not': listToken({ status_list: { bits: 1, lst: '*' } }),
    'unknown compression method': listToken({ status_list: { bits: 1, lst: 'AAAAAA' } }),
    'larger than': listToken({ status_list: { bits: 1, lst: bomb } }),
    'not a compact JWS': '{}',
    'status 404': ''
  }
  for (const [message, body] of Object.entries(cases)) {
    const { world, source } = setUp(t)
    world.answer = () => ({ body, status: message === 'status 404' ? 404 : 200 })
    await source.follow({ uri, index: 0 })
    t.equal(source.check({ uri, index: 0 }), 'unavailable', message)
    t.match(world.logged, [new RegExp(message)])
  }
})

t.test('an older list does not give a revoked token back', async t => {
  const { world, source, polled } = setUp(t)
  world.answer = () => ({ body: listToken({ iat: NOW, status_list: { bits: 1, lst: pack(5) } }) })
  await source.follow({ uri, index: 5 })
  world.answer = () => ({ body: listToken({ iat: NOW - 1 }) })
  await polled()
  t.equal(source.check({ uri, index: 5 }), 'revoked')
  t.match(world.logged, [/older/])
})

t.test('a list that has expired is not believed, however young its confirmation', async t => {
  const { world, source } = setUp(t, { pollMs: 1e6, maxStalenessMs: 1e9 })
  world.answer = () => ({ body: listToken({ exp: NOW + 10, ttl: undefined }) })
  await source.follow({ uri, index: 0 })
  t.equal(source.check({ uri, index: 0 }), 'valid')
  world.nowMs += 10_000
  t.equal(source.check({ uri, index: 0 }), 'unavailable')
})

t.test('only allowed addresses are fetched', async t => {
  const { fetch, source } = setUp(t)
  for (const foreign of [
    'https://attacker.example/status-lists/1',
    `${ISSUER}/other/1`,
    `${ISSUER}/status-lists/../admin`,
    `${ISSUER}/status-lists/%2e%2e/admin`,
    `${ISSUER}.evil/status-lists/1`,
    'http://issuer.example/status-lists/1',
    'file:///etc/passwd',
    'x',
    `${ISSUER}/status-lists/1#x`
  ]) {
    await source.follow({ uri: foreign, index: 0 })
    t.equal(source.check({ uri: foreign, index: 0 }), 'unavailable', foreign)
  }
  t.equal(fetch.calls.length, 0)
  for (const bad of ['http://issuer.example/lists/', `${ISSUER}/status-lists`, '']) {
    t.throws(() => setUp(t, { allowedUris: bad }), { code: 'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID' }, bad)
  }
  const decided = setUp(t, { allowedUris: candidate => candidate === uri })
  await decided.source.follow({ uri, index: 0 })
  t.equal(decided.source.check({ uri, index: 0 }), 'valid')
})

t.test('a bit beyond the end is unknown, and is looked for again when the list may have grown', async t => {
  const { world, fetch, source } = setUp(t, { pollMs: 1e6 })
  world.answer = () => ({ body: listToken({ ttl: undefined }) })
  await source.follow({ uri, index: 5000 })
  t.equal(source.check({ uri, index: 5000 }), 'unavailable')
  await source.follow({ uri, index: 5000 })
  t.equal(fetch.calls.length, 1)
  world.answer = () => ({
    body: listToken({
      iat: NOW + 1,
      status_list: { bits: 1, lst: deflateSync(Buffer.alloc(1024)).toString('base64url') }
    })
  })
  world.nowMs += 1e6
  await source.follow({ uri, index: 5000 })
  t.equal(source.check({ uri, index: 5000 }), 'valid')
})

t.test('with the verifier: a token verified before is refused as soon as its bit is set', async t => {
  const { world, source, polled } = setUp(t)
  const verifier = createTokenVerifier({
    issuer: ISSUER,
    audience: AUDIENCE,
    keys: fixedKeys(key),
    status: source,
    clock: () => world.nowMs
  })
  const token = signToken(key, goodClaims({ status: { status_list: { idx: 9, uri } } }))
  t.ok(await verifier.verify(token))
  world.answer = () => revoking(9)
  await polled()
  await t.rejects(verifier.verify(token), { code: 'SALLYPORT_AUTHENTICATION_TOKEN_INVALID', reason: 'token-revoked' })
  const elsewhere = signToken(
    key,
    goodClaims({ status: { status_list: { idx: 9, uri: 'https://attacker.example/1' } } })
  )
  await t.rejects(verifier.verify(elsewhere), { code: 'SALLYPORT_AUTHENTICATION_STATUS_UNAVAILABLE', statusCode: 503 })
})

t.test('after close nothing is polled any more', async t => {
  const { fetch, source, polled } = setUp(t)
  await source.follow({ uri, index: 0 })
  await polled()
  await source.close()
  const before = fetch.calls.length
  for (let turn = 0; turn < 200; turn++) await new Promise(resolve => setImmediate(resolve))
  await source.follow({ uri: `${ISSUER}/status-lists/2`, index: 0 })
  t.equal(fetch.calls.length, before)
})
