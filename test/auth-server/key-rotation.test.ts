import { admin } from '@sallyport/auth-server'
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose'
import t from 'tap'
import { administration } from '../support/administration.ts'
import { introspect, login, startServer } from '../support/authorization-server.ts'

const kidOf = (jwt: string): string =>
  (JSON.parse(Buffer.from(jwt.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }).kid
const UNSAFE = 'SALLYPORT_AUTH_SERVER_KEY_STEP_UNSAFE'

t.test(
  'O-26: a key is published for one cache lifetime before it signs; an earlier step is refused with the reason',
  async t => {
    const { app, clock, db } = await startServer(t)
    const keys = administration(db, () => clock.ms)
    const old = kidOf((await login(app)).body.access_token)
    const next = await admin.publishKey(keys)
    clock.advance(1)
    const published = ((await app.inject('/oauth2/jwks')).json() as JSONWebKeySet).keys.map(({ kid }) => kid)
    t.strictSame(published, [old, next.kid])
    clock.advance(299)
    await t.rejects(admin.startSigning(keys, next.kid), {
      code: UNSAFE,
      message: /verifiers may hold a key set without .* for another 1 s/
    })
    t.equal(kidOf((await login(app)).body.access_token), old)
    clock.advance(1)
    await admin.startSigning(keys, next.kid)
    clock.advance(1)
    t.equal(kidOf((await login(app)).body.access_token), next.kid, 'followed within a second')
  }
)

t.test('a retired key stays until the last token it signed has expired, and is refused after that', async t => {
  const { app, clock, db } = await startServer(t)
  const keys = administration(db, () => clock.ms)
  const old = kidOf((await login(app)).body.access_token)
  await t.rejects(admin.removeKey(keys, old), { code: UNSAFE, message: /another key has to sign first/ })
  const { kid } = await admin.publishKey(keys)
  clock.advance(301)
  const last = (await login(app)).body.access_token
  await admin.startSigning(keys, kid)
  await t.rejects(admin.removeKey(keys, old), { code: UNSAFE, message: /valid for up to another/ })
  await t.rejects(admin.startSigning(keys, old), { code: UNSAFE, message: /is retired/ }, 'there is no way back')
  clock.advance(1)
  t.match(await introspect(app, last), { active: true })
  clock.advance(599)
  await t.rejects(admin.removeKey(keys, old), { code: UNSAFE }, 'a status list that it signed is still good')
  clock.advance(62)
  await admin.removeKey(keys, old)
  clock.advance(1)
  t.notOk((await app.inject('/oauth2/jwks')).body.includes(old))
  t.equal(
    (await db('signing_keys').where({ kid: old }).first()).private_key_sealed.length,
    0,
    'its private part is gone'
  )
  await t.rejects(admin.removeKey(keys, 'unknown'), { code: 'SALLYPORT_AUTH_SERVER_UNKNOWN' })
})

t.test(
  'over many rotations no valid token is refused and no removed key is in use, with two instances and a verifier that keeps its key set',
  async t => {
    const { app, another, clock, db } = await startServer(t)
    const instances = [app, await another()]
    const keys = administration(db, () => clock.ms)
    let cached = { atMs: -Infinity, set: createLocalJWKSet({ keys: [] }) }
    const live: Array<{ token: string; expiresAtMs: number }> = []
    const kids = new Set<string>()
    for (let n = 0; n < 60; n++) {
      if (n % 12 === 0) await admin.publishKey(keys)
      await admin.advanceKeys(keys)
      const { access_token: token } = (await login(instances[n % 2]!)).body
      kids.add(kidOf(token))
      live.push({ token, expiresAtMs: clock.ms + 300_000 })
      if (clock.ms - cached.atMs >= 300_000) {
        cached = {
          atMs: clock.ms,
          set: createLocalJWKSet((await instances[(n + 1) % 2]!.inject('/oauth2/jwks')).json() as JSONWebKeySet)
        }
      }
      for (const { token } of live.filter(({ expiresAtMs }) => expiresAtMs > clock.ms)) {
        await t.resolves(jwtVerify(token, cached.set, { currentDate: new Date(clock.ms) }), `round ${n}`)
      }
      clock.advance(97)
    }
    t.ok(kids.size >= 4, `${kids.size} keys signed`)
    t.ok(await db('signing_keys').where({ state: 'removed' }).first(), 'and old ones went')
  }
)

t.test('an emergency rotation signs with a new key at once, removes the others and says what it breaks', async t => {
  const { app, clock, db } = await startServer(t)
  const before = (await login(app)).body.access_token
  const { kid, breaks } = await admin.rotateInEmergency(administration(db, () => clock.ms))
  t.match(breaks[0], /refused/)
  clock.advance(1)
  t.equal(kidOf((await login(app)).body.access_token), kid)
  t.strictSame(await introspect(app, before), { active: false })
  t.strictSame(
    ((await app.inject('/oauth2/jwks')).json() as JSONWebKeySet).keys.map(key => key.kid),
    [kid]
  )
})

t.test('the sealing key ring rotates: sealed anew, the keys open without the old sealing key', async t => {
  const { app, another, db } = await startServer(t)
  await login(app)
  const [newKey, oldKey] = [
    `k2:${Buffer.alloc(32, 'k8').toString('base64url')}`,
    `k1:${Buffer.alloc(32, 'k7').toString('base64url')}`
  ]
  t.equal(await admin.resealKeys(administration(db, Date.now, `${newKey} ${oldKey}`)), 1)
  t.equal(await admin.resealKeys(administration(db, Date.now, `${newKey} ${oldKey}`)), 0, 'nothing left to do')
  t.equal((await login(await another({ sealingKeys: newKey }))).status, 200)
})

t.test('no key id looks like an option of a command line', async t => {
  const { db, clock } = await startServer(t)
  const keys = administration(db, () => clock.ms)
  // One id in 64 would begin with a dash.
  for (let count = 0; count < 200; count++) await admin.publishKey(keys)
  t.strictSame(
    (await admin.listKeys(keys)).filter(({ kid }) => kid.startsWith('-')),
    []
  )
})
