// Where a process has its settings from: volumes, files, a configuration server, and its snapshot.
import { randomBytes } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AuditEvent } from '@sallyport/security-context'
import {
  configurationServerSettings,
  loadProcessSettings,
  openLiveSettings,
  processSettings,
  type OpenConfigurationTokens
} from '@sallyport/service-process'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import Type from 'typebox'
import { followLogLevel, followSettings } from '../../../plugins/service-process/src/follow-settings.ts'
import { startConfigurationServer, swapVolume } from '../../support/settings-volume.ts'

const settings = Type.Object(
  {
    ...processSettings({ port: 0, operationsPort: 0 }),
    ...configurationServerSettings(),
    perMinute: Type.Integer({ default: 1, minimum: 1, live: true, pulled: true })
  },
  { additionalProperties: false }
)
const definition = { name: 'hello', settings }
const database = { DATABASE_URL: 'postgres://owner:hidden-word@127.0.0.1/none', LOG_LEVEL: 'silent' }
/** Attempts without a wait. */
const atOnce = { wait: async () => {}, random: () => 0 }

async function load(environment: Readonly<Record<string, string>>) {
  return await loadProcessSettings(definition, { ...database, ...environment }, atOnce)
}

/** Where pulled settings are and are kept. */
function pulledFrom(url: string, folder: string) {
  return {
    SALLYPORT_CONFIGURATION_URL: url,
    SALLYPORT_CONFIGURATION_SNAPSHOT_PATH: join(folder, 'snapshot'),
    SALLYPORT_CONFIGURATION_SNAPSHOT_KEYS: `one:${randomBytes(32).toString('base64url')}`
  }
}

/** An app with an audit trail, whose settings are followed. */
async function follow(t: Test, environment: Readonly<Record<string, string>>) {
  const loaded = await load(environment)
  const opened = openLiveSettings(loaded.first)
  const rows: AuditEvent[] = []
  let noted = Promise.withResolvers<AuditEvent>()
  const lines: string[] = []
  const app = Fastify({
    logger: {
      level: 'info',
      stream: {
        write: (line: string) => {
          lines.push(line)
        }
      }
    }
  })
  app.decorate('auditSink', {
    write: async (row: AuditEvent) => {
      rows.push(row)
      noted.resolve(row)
      noted = Promise.withResolvers()
    }
  })
  followLogLevel(app, opened.live)
  // Nothing that follows settings keeps a process alive.
  const awake = setInterval(() => {}, 60_000)
  const followed = followSettings(app, loaded, opened)
  t.teardown(async () => {
    clearInterval(awake)
    await followed.stop()
    await loaded.server?.close()
    await app.close()
  })
  return { ...opened, ...followed, app, rows, lines, nextRow: async () => await noted.promise }
}

t.test('a volume that is swapped is followed, and the audit trail has the difference', async t => {
  const folder = swapVolume(t.testdir({}), '1', { perMinute: '2' })
  const { live, rows, readAgain, app } = await follow(t, { SALLYPORT_SETTINGS_DIRECTORIES: folder })
  t.equal(live.current.perMinute, 2)
  swapVolume(folder, '2', { perMinute: '3' })
  await readAgain()
  t.equal(live.current.perMinute, 3)
  const difference = { setting: 'perMinute', from: '2', to: '3', origin: `directory ${folder}` }
  t.strictSame(rows, [
    { action: 'settings.change', outcome: 'success', detail: { version: 2, differences: [difference] } }
  ])
  swapVolume(folder, '3', { perMinute: '4', port: '9' })
  await readAgain()
  t.equal(live.current.perMinute, 3)
  t.match(rows[1], { outcome: 'failure', reason: 'SALLYPORT_PROCESS_SETTINGS_NOT_LIVE', detail: { version: 2 } })
  t.equal(app.log.level, 'info', 'a level that somebody chose stays')
})

t.test('the watch alone notices a swap', async t => {
  const folder = swapVolume(t.testdir({}), '1', {})
  const { live, nextRow } = await follow(t, { SALLYPORT_SETTINGS_DIRECTORIES: folder })
  const row = nextRow()
  swapVolume(folder, '2', { perMinute: '3' })
  t.match(await row, { outcome: 'success' })
  t.equal(live.current.perMinute, 3)
})

t.test('the level of the log follows its setting', async t => {
  const folder = t.testdir({ 'settings.yaml': 'perMinute: 2\n' })
  const { LOG_LEVEL: _, ...rest } = database
  const loaded = await loadProcessSettings(definition, {
    ...rest,
    SALLYPORT_SETTINGS_FILES: join(folder, 'settings.yaml')
  })
  const opened = openLiveSettings(loaded.first)
  const app = Fastify({ logger: { level: 'info', stream: { write: () => {} } } })
  followLogLevel(app, opened.live)
  writeFileSync(join(folder, 'settings.yaml'), 'logLevel: debug\n')
  t.ok(await opened.take(() => loaded.read(null)))
  t.equal(app.log.level, 'debug')
  opened.live.subscribe({
    name: 'failing',
    validate: () => ({
      apply: () => {
        throw new Error('no')
      },
      undo: () => {}
    })
  })
  writeFileSync(join(folder, 'settings.yaml'), 'logLevel: error\n')
  t.notOk(await opened.take(() => loaded.read(null)))
  t.equal(app.log.level, 'debug', 'and comes back with all others')
})

t.test('pulled settings follow the stream; what is never pulled is refused, and the last good ones stay', async t => {
  const server = await startConfigurationServer(t, 'hello', { perMinute: '5', 'spring.cloud.bus.id': 'x' })
  const { live, nextRow } = await follow(t, pulledFrom(server.url, t.testdir({})))
  t.equal(live.current.perMinute, 5)
  t.match(live.explain().find(({ setting }) => setting === 'perMinute')?.origin, `configuration server ${server.url}`)
  for (const [source, outcome] of [
    [{ perMinute: 6 }, 'success'],
    [{ perMinute: 7, databaseUrl: 'postgres://evil/canary' }, 'failure'],
    [{ 'sallyport.per-minute': 8 }, 'success']
  ] as const) {
    const row = nextRow()
    server.say(source)
    const seen = await row
    t.equal(seen.outcome, outcome)
    t.notMatch(JSON.stringify(seen), 'canary')
  }
  t.equal(live.current.perMinute, 8)
  t.match(live.state(), { version: 3, changed: 2, refused: 1 })
})

t.test('a server cannot silence the log of a process, and an operator can', async t => {
  const server = await startConfigurationServer(t, 'hello', { 'log-level': 'silent' })
  const environment = { SALLYPORT_CONFIGURATION_URL: server.url }
  await t.rejects(loadProcessSettings(definition, { DATABASE_URL: database.DATABASE_URL, ...environment }, atOnce), {
    code: 'SALLYPORT_CONFIGURATION_INVALID',
    message: `logLevel: silent is only ever pushed (configuration server ${server.url} (version 1))`
  })
  const loaded = await load(environment)
  t.equal(loaded.first.values.logLevel, 'silent')
  await loaded.server?.close()
})

t.test('without the server a process starts with its snapshot, and refuses one that is not its own', async t => {
  const server = await startConfigurationServer(t, 'hello', { perMinute: 5 })
  const environment = pulledFrom(server.url, t.testdir({}))
  const { nextRow } = await follow(t, environment)
  const row = nextRow()
  server.say({ perMinute: 6 })
  await row
  await server.close()
  const again = await load(environment)
  t.equal(again.first.values.perMinute, 6)
  t.match(again.first.origins.perMinute, `snapshot of the configuration server ${server.url} (version 2)`)
  await again.server?.close()

  await t.rejects(load({ ...environment, SALLYPORT_CONFIGURATION_OUTAGE: 'fail' }), {
    code: 'SALLYPORT_CONFIGURATION_SERVER_UNREACHABLE'
  })
  const foreign = { SALLYPORT_CONFIGURATION_SNAPSHOT_KEYS: `one:${randomBytes(32).toString('base64url')}` }
  await t.rejects(load({ ...environment, ...foreign }), { code: 'SALLYPORT_CONFIGURATION_SNAPSHOT_INVALID' })
  await t.rejects(load({ ...environment, SALLYPORT_CONFIGURATION_LABEL: 'next' }), {
    code: 'SALLYPORT_CONFIGURATION_SNAPSHOT_INVALID'
  })
})

t.test('snapshot keys and credentials follow their files, and a ring with a mistake is refused', async t => {
  const server = await startConfigurationServer(t, 'hello', { perMinute: 5 })
  const ring = (id: string) => `${id}:${randomBytes(32).toString('base64url')}`
  const [one, two] = [ring('one'), ring('two')]
  const folder = t.testdir({ keys: one, credentials: 'hello:0123456789abcdef' })
  const environment = {
    SALLYPORT_CONFIGURATION_URL: server.url,
    SALLYPORT_CONFIGURATION_SNAPSHOT_PATH: join(t.testdirName, 'snapshot'),
    SALLYPORT_CONFIGURATION_SNAPSHOT_KEYS_FILE: join(folder, 'keys'),
    SALLYPORT_CONFIGURATION_CREDENTIALS_FILE: join(folder, 'credentials')
  }
  const { readAgain, live, rows } = await follow(t, environment)
  const keyOfSnapshot = () => (JSON.parse(readFileSync(join(folder, 'snapshot'), 'utf8')) as { keyId: string }).keyId
  const asked = (credentials: string) => `Basic ${Buffer.from(credentials).toString('base64')}`
  t.equal(keyOfSnapshot(), 'one')
  t.equal(server.lastAuthorization(), asked('hello:0123456789abcdef'))
  writeFileSync(join(folder, 'keys'), `${two} ${one}`)
  writeFileSync(join(folder, 'credentials'), 'hello:fedcba9876543210')
  await readAgain()
  t.equal(live.version, 2)
  t.equal(keyOfSnapshot(), 'two', 'it is written again under the new key')
  t.notMatch(JSON.stringify(rows), /fedcba98|0123456789/)
  await load(environment).then(({ server: other }) => other?.close())
  t.equal(server.lastAuthorization(), asked('hello:fedcba9876543210'))
  writeFileSync(join(folder, 'keys'), 'three:too-short-for-a-key-and-long-enough-for-the-schema')
  await readAgain()
  t.equal(live.version, 2)
  t.match(rows.at(-1), { outcome: 'failure', reason: 'SALLYPORT_CONFIGURATION_INVALID' })
})

t.test('without server and snapshot a process does not start, unless it may start with defaults', async t => {
  const environment = pulledFrom('http://127.0.0.1:1', t.testdir({}))
  await t.rejects(load(environment), { code: 'SALLYPORT_CONFIGURATION_SERVER_UNREACHABLE' })
  const loaded = await load({ ...environment, SALLYPORT_CONFIGURATION_OUTAGE: 'start-with-defaults' })
  t.equal(loaded.first.values.perMinute, 1)
  await loaded.server?.close()
})

t.test('where settings are is said by the environment alone, and every mistake in it is named', async t => {
  const folder = t.testdir({ 'settings.json': JSON.stringify({ configurationUrl: 'https://evil.example' }) })
  await t.rejects(load({ SALLYPORT_SETTINGS_FILES: join(folder, 'settings.json') }), {
    code: 'SALLYPORT_CONFIGURATION_INVALID',
    message: /configurationUrl: is read from the environment alone/
  })
  const wrong = {
    SALLYPORT_CONFIGURATION_URL: 'https://config.example',
    SALLYPORT_CONFIGURATION_PROFILE: '../etc',
    SALLYPORT_CONFIGURATION_SNAPSHOT_PATH: '/tmp/x'
  }
  await t.rejects(load(wrong), { message: /configurationProfile: [^]*belong together/ })
  await t.rejects(load({ SALLYPORT_CONFIGURATION_URL: 'http://config.example' }), { message: /secure-url/ })
})

t.test('a process keeps what it starts with, and starts from it while the server says what is refused', async t => {
  const server = await startConfigurationServer(t, 'hello', { perMinute: 5 })
  const environment = pulledFrom(server.url, t.testdir({}))
  await t.test('kept at the start', async t => {
    await follow(t, environment)
  })
  server.say({ perMinute: 6, unknown: 'x' })
  await t.rejects(load({ ...environment, SALLYPORT_CONFIGURATION_OUTAGE: 'fail' }), {
    code: 'SALLYPORT_CONFIGURATION_INVALID',
    message: /unknown: is set by the configuration server/
  })
  const { live, lines, nextRow } = await follow(t, environment)
  t.equal(live.current.perMinute, 5)
  t.match(live.explain().find(({ setting }) => setting === 'perMinute')?.origin, 'snapshot of the configuration server')
  const row = nextRow()
  server.say({ perMinute: 7, unknown: 'x' })
  t.match(await row, { outcome: 'failure', reason: 'SALLYPORT_CONFIGURATION_INVALID' })
  t.match(lines.join(''), 'unknown: is set by the configuration server')
  server.say({ perMinute: 8 })
  t.match(await nextRow(), { outcome: 'success' })
  t.equal(live.current.perMinute, 8)

  const elsewhere = { ...environment, SALLYPORT_CONFIGURATION_SNAPSHOT_PATH: join(t.testdir({}), 'none') }
  server.say({ unknown: 'x' })
  await t.rejects(load({ ...elsewhere, SALLYPORT_CONFIGURATION_OUTAGE: 'start-with-defaults' }), {
    code: 'SALLYPORT_CONFIGURATION_INVALID'
  })
})

t.test(
  'a server that wants tokens gets one of this process as a client, and every mistake in that is named',
  async t => {
    const server = await startConfigurationServer(t, 'hello', { perMinute: 5 })
    const asked: unknown[] = []
    let secretNow = (): string => ''
    const secretFile = join(t.testdir({ secret: 'canary-secret' }), 'secret')
    const client = Type.Object(
      { ...settings.properties, issuer: Type.String(), clientId: Type.String(), clientSecret: Type.String() },
      { additionalProperties: false }
    )
    const environment = {
      ...database,
      SALLYPORT_CONFIGURATION_URL: server.url,
      SALLYPORT_CONFIGURATION_AUDIENCE: 'configuration-server',
      SALLYPORT_ISSUER: 'https://issuer.example',
      SALLYPORT_CLIENT_ID: 'hello',
      SALLYPORT_CLIENT_SECRET_FILE: secretFile
    }
    const configurationToken: OpenConfigurationTokens = ({ dispatcher: _, ...facts }) => {
      secretNow = facts.clientSecret
      asked.push({ ...facts, clientSecret: secretNow() })
      return { get: async () => 'token-of-hello', drop: () => {} }
    }
    const loaded = await loadProcessSettings({ name: 'hello', settings: client, configurationToken }, environment)
    await loaded.server?.close()
    t.equal(loaded.first.values.perMinute, 5)
    t.strictSame(asked, [
      {
        issuer: 'https://issuer.example',
        clientId: 'hello',
        clientSecret: 'canary-secret',
        audience: 'configuration-server',
        scope: 'config:read'
      }
    ])
    t.equal(server.lastAuthorization(), 'Bearer token-of-hello')
    writeFileSync(secretFile, 'another-secret')
    t.equal(secretNow(), 'another-secret', 'the file as it is now')
    rmSync(secretFile)
    t.equal(secretNow(), 'another-secret', 'the last one without a file')
    writeFileSync(secretFile, 'canary-secret')
    await t.rejects(loadProcessSettings({ name: 'hello', settings: client }, environment), {
      code: 'SALLYPORT_CONFIGURATION_INVALID',
      message: /configurationAudience: only a client of an issuer/
    })
    const own = {
      ...environment,
      SALLYPORT_CONFIGURATION_CLIENT_ID: 'reads-settings',
      SALLYPORT_CONFIGURATION_CLIENT_SECRET: 'a-secret-for-reading-settings-alone'
    }
    const other = await loadProcessSettings({ name: 'hello', settings: client, configurationToken }, own)
    await other.server?.close()
    t.match(asked[1], { clientId: 'reads-settings', clientSecret: 'a-secret-for-reading-settings-alone' })
    const { SALLYPORT_CONFIGURATION_CLIENT_SECRET: _, ...incomplete } = own
    const { SALLYPORT_CONFIGURATION_AUDIENCE: __, ...useless } = incomplete
    await t.rejects(load(useless), {
      message: /configurationClientId and configurationClientSecret belong together[^]*without configurationAudience/
    })
    await t.rejects(
      load({
        SALLYPORT_CONFIGURATION_URL: server.url,
        SALLYPORT_CONFIGURATION_AUDIENCE: 'configuration-server',
        SALLYPORT_CONFIGURATION_CREDENTIALS: 'hello:0123456789abcdef'
      }),
      { message: /exclude each other/ }
    )
  }
)
