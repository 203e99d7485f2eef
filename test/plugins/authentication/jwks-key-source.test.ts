import fc from 'fast-check'
import { frozenTimers } from '@sallyport/testing'
import t, { type Test } from 'tap'
import { createJwksKeySource, type JwksKeySourceOptions } from '@sallyport/authentication'
import { issuerKey, type IssuerKey } from '../../support/issuer.ts'
import { fakeFetch, httpServer, until, type FakeAnswer } from './support/servers.ts'

const jwksUri = 'https://issuer.example/jwks'
const one = issuerKey('ES256', 'one')
const two = issuerKey('ES256', 'two')
const documentOf = (...keys: IssuerKey[]): FakeAnswer => ({
  body: JSON.stringify({ keys: keys.map(({ jwk }) => jwk) })
})
const UNAVAILABLE = { code: 'SALLYPORT_AUTHENTICATION_KEYS_UNAVAILABLE', statusCode: 503 }

function setUp(t: Test, { cooldownMs = 30_000, ...options }: Partial<JwksKeySourceOptions> = {}) {
  const world = {
    nowMs: 1_000_000,
    answer: (): FakeAnswer | Promise<FakeAnswer> => documentOf(one),
    logged: [] as string[]
  }
  const fetch = fakeFetch(() => world.answer())
  const source = createJwksKeySource({
    jwksUri,
    fetch,
    clock: () => world.nowMs,
    log: message => world.logged.push(message),
    cooldownMs,
    maxAgeMs: 300_000,
    maxStaleMs: 3_600_000,
    ...options
  })
  t.teardown(() => source.close())
  return { world, fetch, source }
}
const down = (): FakeAnswer => {
  throw new Error('connection refused')
}

t.test('keys are fetched once, ahead of the first request', async t => {
  const { fetch, source } = setUp(t)
  t.equal(source.ageMs(), null)
  t.equal(source.isPublished('one'), false)
  await source.ready()
  t.match(await source.find('one'), { keyId: 'one', algorithm: 'ES256' })
  t.equal(source.isPublished('one'), true)
  t.equal(source.ageMs(), 0)
  t.equal(fetch.calls.length, 1)
  t.match(fetch.calls[0], { url: jwksUri, init: { redirect: 'error', method: 'GET' } })
})

t.test('V04: a flood of unknown key ids costs one fetch per cool-down', async t => {
  const { world, fetch, source } = setUp(t)
  await source.ready()
  const flood = async () =>
    await Promise.all(
      Array.from({ length: 10_000 }, async (_, n) => await source.find(`unknown-${n}-${Math.random()}`))
    )
  t.ok((await flood()).every(key => key === null))
  t.equal(fetch.calls.length, 1, 'the first fetch was just now')
  world.nowMs += 30_000
  await flood()
  await flood()
  t.equal(fetch.calls.length, 2)
  t.ok(await source.find('one'), 'known keys go on')
})

t.test('V20: a new key works without a restart, a key that is gone is not published any more', async t => {
  const { world, fetch, source } = setUp(t)
  await source.ready()
  world.answer = () => documentOf(two)
  t.equal(await source.find('two'), null, 'within the cool-down')
  world.nowMs += 30_000
  t.ok(await source.find('two'))
  t.equal(source.isPublished('one'), false)
  t.equal(await source.find('one'), null)
  t.equal(fetch.calls.length, 2)
})

t.test(
  'a key that is new while the document cannot be had is found within the cool-down once it can, not after the backoff',
  async t => {
    const time = frozenTimers(1_000_000, async () => {
      await until(() => time.waiting() === 1)
    })
    const { world, fetch, source } = setUp(t, { cooldownMs: 2000, clock: time.clock, startTimer: time.startTimer })
    await source.ready()
    world.answer = down
    const asked = { before: fetch.calls.length, ids: 0 }
    for (let elapsedMs = 0; elapsedMs < 120_000; elapsedMs += 100) {
      await time.advance(100)
      await Promise.allSettled([source.find('two'), source.find(`stranger-${++asked.ids}`)])
      t.ok(source.isPublished('one'))
    }
    const looks = fetch.calls.length - asked.before
    t.ok(
      looks > 55 && looks <= 60 + 10,
      `${looks} looks in two minutes: one per cool-down of 2 s, and those of the growing intervals`
    )
    world.answer = () => documentOf(one, two)
    let waitedMs = 0
    for (; waitedMs < 10_000 && (await source.find('two').catch(() => null)) === null; waitedMs += 100) {
      await time.advance(100)
    }
    t.ok(waitedMs <= 2000, `found after ${waitedMs} ms`)
  }
)

t.test('V04: a flood of unknown key ids while the document cannot be had costs one fetch per cool-down', async t => {
  const { world, fetch, source } = setUp(t, { cooldownMs: 2000, startTimer: () => ({ stop: () => {} }) })
  await source.ready()
  world.answer = down
  for (let cooldown = 1; cooldown <= 5; cooldown++) {
    world.nowMs += 2000
    for (const part of [0, 1]) {
      await Promise.allSettled(
        Array.from({ length: 1000 }, async (_, n) => await source.find(`unknown-${cooldown}-${part}-${n}`))
      )
      world.nowMs += part
    }
    t.equal(fetch.calls.length, 1 + cooldown)
  }
})

t.test('due keys are fetched again in the background, and nobody waits', async t => {
  const { world, fetch, source } = setUp(t)
  await source.ready()
  let release: (answer: FakeAnswer) => void = () => {}
  world.answer = () =>
    new Promise(resolve => {
      release = resolve
    })
  world.nowMs += 240_000
  t.ok(await source.find('one'), 'answered while the fetch is under way')
  t.equal(source.isPublished('one'), true)
  await source.find('one')
  t.equal(fetch.calls.length, 2, 'one fetch in flight')
  release(documentOf(one, two))
  await until(() => source.isPublished('two'))
  t.equal(source.ageMs(), 0)
})

t.test('keys are kept fresh without traffic', async t => {
  const { world, fetch, source } = setUp(t, { maxAgeMs: 5 })
  await source.ready()
  world.answer = () => documentOf(two)
  await until(() => fetch.calls.length >= 3)
  t.equal(source.isPublished('one'), false)
  await source.close()
})

t.test('a document that has not changed is not sent again', async t => {
  const { world, fetch, source } = setUp(t)
  world.answer = () => ({ ...documentOf(one), headers: { etag: '"v1"' } })
  await source.ready()
  world.answer = () => ({ status: 304 })
  world.nowMs += 290_000
  await source.find('one')
  await until(() => source.ageMs() === 0)
  t.equal(fetch.calls[1]?.init.headers['if-none-match'], '"v1"')
  t.ok(source.isPublished('one'))
})

t.test('V19: while the server is away known keys go on for a bounded time, then nothing is accepted', async t => {
  const { world, fetch, source } = setUp(t)
  await source.ready()
  world.answer = down
  world.nowMs += 3_600_000
  t.ok(await source.find('one'))
  t.ok(source.isPublished('one'))
  await until(() => world.logged.length > 0)
  await t.rejects(source.find('unknown'), UNAVAILABLE, 'nobody can say that it does not exist')
  world.nowMs += 1
  t.equal(source.isPublished('one'), false)
  await t.rejects(source.find('one'), UNAVAILABLE)
  await t.rejects(source.ready(), UNAVAILABLE)
  const asked = fetch.calls.length
  await t.rejects(Promise.all(Array.from({ length: 1000 }, async () => await source.find('one'))), UNAVAILABLE)
  t.ok(fetch.calls.length - asked <= 1, 'a server that is down is not stormed')
  world.answer = () => documentOf(one)
  world.nowMs += 30_000
  t.ok(await source.find('one'), 'and it recovers by itself')
})

t.test('V19: answers that make no sense change nothing', async t => {
  const { world, source } = setUp(t)
  await source.ready()
  for (const answer of [
    { status: 500 },
    { status: 404, body: '{"keys":[]}' },
    { status: 304 },
    { body: '' },
    { body: '<html>' },
    { body: '[]' },
    { body: '{"keys":"x"}' },
    { body: '{"keys":[],"keys":[]}' },
    { body: `${documentOf(two).body as string}${' '.repeat(600_000)}` },
    { status: 204 }
  ]) {
    world.answer = () => answer
    world.nowMs += 250_000
    const before = world.logged.length
    t.ok(await source.find('one'), JSON.stringify(answer).slice(0, 40))
    await until(() => world.logged.length > before)
    t.equal(source.isPublished('two'), false)
    world.answer = () => documentOf(one)
    world.nowMs += 40_000
    await source.find('one')
    await until(() => source.ageMs() === 0)
  }
})

t.test('before the first keys, a server that is down is asked at growing intervals', async t => {
  const { world, fetch, source } = setUp(t)
  world.answer = down
  await t.rejects(source.ready(), UNAVAILABLE)
  await t.rejects(source.find('one'), UNAVAILABLE)
  t.equal(fetch.calls.length, 1)
  world.nowMs += 250
  await t.rejects(source.find('one'), UNAVAILABLE)
  t.equal(fetch.calls.length, 2)
  world.nowMs += 499
  await t.rejects(source.find('one'), UNAVAILABLE)
  t.equal(fetch.calls.length, 2)
  world.nowMs += 1
  world.answer = () => documentOf(one)
  t.ok(await source.find('one'))
})

t.test('V15: an ignored key is logged', async t => {
  const { world, source } = setUp(t)
  world.answer = () => ({ body: JSON.stringify({ keys: [one.jwk, { kty: 'oct', k: 'AA', kid: 'weak' }] }) })
  await source.ready()
  t.same(world.logged, ['a published key is ignored'])
})

t.test('V03: only https, or http on loopback; redirects are not followed', async t => {
  for (const bad of [
    'http://issuer.example/jwks',
    'ftp://x',
    'file:///etc/keys',
    'jwks',
    '',
    'https://user:pw@issuer.example/jwks',
    'http://localhost.evil.example/'
  ]) {
    t.throws(() => createJwksKeySource({ jwksUri: bad }), { code: 'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID' }, bad)
  }
  let followed = false
  const base = await httpServer(t, (request, response) => {
    if (request.url === '/other') {
      followed = true
      response.end(JSON.stringify({ keys: [one.jwk] }))
    } else response.writeHead(302, { location: '/other' }).end()
  })
  const source = createJwksKeySource({ jwksUri: `${base}/jwks`, log: () => {} })
  t.teardown(() => source.close())
  await t.rejects(source.ready(), UNAVAILABLE)
  t.equal(followed, false)
})

t.test(
  'CVE-2025-64527: a remote that dies, stalls or never ends at any point leaves the process and the keys alone',
  async t => {
    let mode = 'good'
    const base = await httpServer(t, (_request, response) => {
      switch (mode) {
        case 'good':
          return response.end(JSON.stringify({ keys: [one.jwk] }))
        case 'reset':
          return response.destroy()
        case 'half':
          response.writeHead(200, { 'content-length': '1000' }).write('{"keys":[')
          return setImmediate(() => response.destroy())
        case 'stall':
          return response.writeHead(200).write('{"keys":[')
        case 'endless': {
          response.on('error', () => {})
          const more = () => {
            while (response.write('x'.repeat(65536)));
            response.once('drain', more)
          }
          return more()
        }
        default:
          return response.writeHead(200, { 'content-encoding': 'gzip' }).end('not gzip')
      }
    })
    let nowMs = 0
    const logged: unknown[] = []
    const source = createJwksKeySource({
      jwksUri: `${base}/jwks`,
      clock: () => nowMs,
      timeoutMs: 1500,
      log: (_message, detail) => {
        logged.push(detail)
      }
    })
    t.teardown(() => source.close())
    await source.ready()
    for (mode of ['reset', 'half', 'stall', 'endless', 'bad coding']) {
      nowMs += 290_000
      const before = logged.length
      t.ok(await source.find('one'), mode)
      await until(() => logged.length > before)
    }
    mode = 'good'
    nowMs += 290_000
    await source.find('one')
    await until(() => source.ageMs() === 0)
  }
)

t.test('after close nothing is fetched any more', async t => {
  const { world, fetch, source } = setUp(t)
  await source.ready()
  await source.close()
  world.nowMs += 400_000
  source.isPublished('one')
  await source.find('one')
  await source.find('unknown')
  t.equal(fetch.calls.length, 1)
})

t.test('a fetch that was under way at close is the last one', async t => {
  const { fetch, source } = setUp(t, { maxAgeMs: 1 })
  const ready = source.ready()
  await source.close()
  await ready
  for (let turn = 0; turn < 500; turn++) await new Promise(resolve => setImmediate(resolve))
  t.equal(fetch.calls.length, 1)
})

t.test('whatever the document is, the source answers with a key, with null or with unavailable', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.json(),
        fc
          .record({
            keys: fc.array(
              fc.oneof(
                fc.jsonValue(),
                fc.record({
                  kty: fc.constantFrom('EC', 'RSA', 'OKP', 'oct'),
                  kid: fc.jsonValue(),
                  crv: fc.jsonValue(),
                  x: fc.base64String(),
                  y: fc.jsonValue(),
                  n: fc.base64String(),
                  e: fc.constantFrom('AQAB', 'AQ', '')
                })
              )
            )
          })
          .map(value => JSON.stringify(value))
      ),
      async body => {
        const source = createJwksKeySource({ jwksUri, fetch: fakeFetch(() => ({ body })), log: () => {} })
        try {
          return await source.find('x').then(
            key => key === null || key.keyId === 'x',
            (error: { code?: string }) => error.code === UNAVAILABLE.code
          )
        } finally {
          await source.close()
        }
      }
    ),
    { numRuns: 200 }
  )
})
