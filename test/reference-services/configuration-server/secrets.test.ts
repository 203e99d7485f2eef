// Secrets at rest: encrypted where they belong, and under a newer key when the operator says so.
import { runConfigurationCommands } from '@sallyport/configuration-server'
import t from 'tap'
import { liveSecretRing } from '../../../reference-services/configuration-server/src/secrets/secret-ring.ts'
import { usedKeysSubscriber } from '../../../reference-services/configuration-server/src/secrets/used-keys.ts'
import { stillSettings } from '../../support/still-settings.ts'
import { get, NEW_KEY, OLD_KEY, put, SERVER_SETTINGS, startServer } from './support/configuration-server.ts'
import { commandLine } from './support/command-line.ts'

const CANARY = 'canary-of-a-secret-at-rest'

t.test('a secret that was moved, changed or has no key is not read, and the answer does not say why', async t => {
  const server = await startServer(t)
  await put(server, 'orders/default/main', {}, { apiKey: CANARY, other: 'x' })
  const unreadable = async (message: string) => {
    const answer = await get(server, '/orders/default')
    t.match(answer.json(), { status: 500, code: 'SALLYPORT_CONFIGSERVER_SECRET_UNREADABLE' }, message)
    t.notMatch(answer.body, /canary|key old|apiKey/)
  }
  const row = async (name: string) => await server.owner('configuration_secrets').where({ name }).first()
  const kept = await row('apiKey')
  t.equal(kept.sealed.includes(CANARY), false)
  t.equal(kept.key_id, 'old')
  await server.owner('configuration_secrets').where({ name: 'other' }).update({ sealed: kept.sealed })
  await unreadable('the secret of another name')
  await server.owner('configuration_secrets').where({ name: 'other' }).delete()
  t.equal((await get(server, '/orders/default')).statusCode, 200)
  await server.owner('configuration_secrets').update({ key_id: 'new' })
  await unreadable('a key that the ring does not have')
  const changed = Buffer.from(kept.sealed)
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1
  await server.owner('configuration_secrets').update({ key_id: 'old', sealed: changed })
  await unreadable('a changed secret')
})

t.test('secrets of every version are encrypted again under the newest key, and read without the old one', async t => {
  const server = await startServer(t)
  const terminal = commandLine()
  await put(server, 'orders/default/main', {}, { apiKey: CANARY })
  await put(server, 'orders/default/main', { a: 1 }, { apiKey: null }, { 'if-match': '"1"' })
  const run = async (keys: string, ...args: string[]) =>
    await runConfigurationCommands(args, terminal.environment(server, keys), 'sallyport-configuration-server', terminal)

  t.equal(await run(NEW_KEY, 'reencrypt'), 1, 'without the old key nothing is changed')
  t.strictSame(await server.owner('configuration_secrets').distinct().pluck('key_id'), ['old'])
  t.equal(await run(`${NEW_KEY} ${OLD_KEY}`, 'reencrypt'), 0)
  t.strictSame(JSON.parse(terminal.printed.at(-1) ?? ''), { encrypted: 2 })
  t.strictSame(await server.owner('configuration_secrets').distinct().pluck('key_id'), ['new'])
  t.equal(await run(`${NEW_KEY} ${OLD_KEY}`, 'reencrypt'), 0)
  t.strictSame(JSON.parse(terminal.printed.at(-1) ?? ''), { encrypted: 0 })
  t.equal(await run(NEW_KEY, 'rollback', 'orders', 'default', 'main', '1'), 0)
  t.match(
    (await server.audit()).map(({ action }) => action),
    ['configuration.replace', 'configuration.replace', 'configuration.re-encrypt', 'configuration.roll-back']
  )
  t.notMatch(terminal.printed.join(), CANARY)
})

t.test('the ring follows its setting: the newest key encrypts, every key decrypts', t => {
  const place = { application: 'orders', profile: 'default', label: 'main', name: 'apiKey' }
  let keys = OLD_KEY
  const ring = liveSecretRing(() => keys)
  const old = ring.sealSecret(place, CANARY)
  keys = `${NEW_KEY} ${OLD_KEY}`
  const renewed = ring.sealSecret(place, ring.openSecret(place, old))
  t.strictSame([old.keyId, renewed.keyId, ring.newestKeyId], ['old', 'new', 'new'])
  keys = NEW_KEY
  t.equal(ring.openSecret(place, renewed), CANARY)
  t.throws(() => ring.openSecret(place, old), { code: 'SALLYPORT_CONFIGSERVER_SECRET_UNREADABLE' })
  t.throws(() => liveSecretRing(() => 'wrong'), { code: 'SALLYPORT_CONFIGSERVER_KEYS_INVALID' })
  t.end()
})

t.test('a ring that leaves out a key with which secrets are encrypted is refused', async t => {
  const server = await startServer(t)
  await put(server, 'orders/default/main', {}, { apiKey: CANARY })
  const { validate } = usedKeysSubscriber(stillSettings({ ...SERVER_SETTINGS }), server.db)
  const check = async (sealingKeys: string) => await validate({ ...SERVER_SETTINGS, sealingKeys })
  await t.rejects(check(NEW_KEY), { message: /encrypted with old, which is left out: run reencrypt first/ })
  await t.resolves(check(`${NEW_KEY} ${OLD_KEY}`))
  await server.owner('configuration_secrets').update({ key_id: 'new' })
  await t.resolves(check(NEW_KEY))
})
