// The process entry and the command line as an operator runs them.
import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { migrate } from '@sallyport/auth-server'
import t, { type Test } from 'tap'
import { CHILD_ENVIRONMENT } from '../support/child-environment.ts'
import { loadSettings } from '@sallyport/configuration'
import { openLiveSettings } from '@sallyport/service-process'
import { settingsSchema } from '../../auth-server/src/settings.ts'
import { connect, testDatabase } from '../support/database.ts'

const SERVER = fileURLToPath(new URL('../../auth-server/src/server.ts', import.meta.url))
const COMMAND = fileURLToPath(new URL('../../auth-server/bin/auth.mjs', import.meta.url))
const CONDITIONS = ['--conditions=@sallyport/source', '--disable-warning=ExperimentalWarning']
const inherited = { ...CHILD_ENVIRONMENT, PATH: process.env.PATH ?? '' }

async function settingsOf(t: Test): Promise<Record<string, string>> {
  const { url } = await testDatabase(t, 'auth-server-empty', async db => {
    await migrate(db, { appRole: 'postgres', prunerRole: 'postgres' })
  })
  return {
    ...inherited,
    NODE_ENV: 'development',
    PORT: '0',
    SALLYPORT_OPERATIONS_PORT: '0',
    SALLYPORT_DRAIN_DELAY_MS: '0',
    SALLYPORT_ISSUER: 'https://localhost:8081',
    DATABASE_URL: url,
    SALLYPORT_SEALING_KEYS: `k1:${Buffer.alloc(32, 'k7').toString('base64url')}`
  }
}

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

async function end(child: ChildProcess): Promise<Ended> {
  const output = Promise.all(
    [child.stdout, child.stderr].map(async stream => (stream === null ? '' : await text(stream)))
  )
  const [code] = (await once(child, 'close')) as [number | null]
  const [out = '', err = ''] = await output
  return { code, out, err }
}

const auth = async (environment: Record<string, string>, ...args: string[]): Promise<Ended> =>
  await end(
    spawn(process.execPath, [...CONDITIONS, COMMAND, ...args], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  )

t.test('the server says when it is ready and what to run on the first boot, and ends with 0 when asked to', async t => {
  const child = fork(SERVER, {
    env: await settingsOf(t),
    execArgv: CONDITIONS,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc']
  })
  const ended = end(child)
  const [message] = (await once(child, 'message')) as [{ type: string; name: string; url: string }]
  t.match(message, { type: 'ready', name: 'auth-server', url: /^http:\/\/127\.0\.0\.1:\d+/ })
  const metadata = (await (await fetch(`${message.url}/.well-known/oauth-authorization-server`)).json()) as {
    issuer: string
  }
  t.equal(metadata.issuer, 'https://localhost:8081')
  child.kill('SIGTERM')
  const { code, out } = await ended
  t.equal(code, 0)
  t.match(out, /there are no clients yet: `sallyport-auth-server clients create/)
})

t.test('settings that are wrong are named together, without their secrets, and the exit code is 1', async t => {
  const environment = {
    ...(await settingsOf(t)),
    SALLYPORT_ISSUER: 'not a url',
    PORT: 'x',
    SALLYPORT_SEALING_KEYS: 'short',
    SALLYPORT_UNKNOWN: '1'
  }
  const child = fork(SERVER, { env: environment, execArgv: CONDITIONS, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  const [ended, [message]] = await Promise.all([end(child), once(child, 'message') as Promise<[{ type: string }]>])
  t.equal(ended.code, 1)
  t.equal(message.type, 'failed')
  for (const name of ['SALLYPORT_ISSUER', 'PORT', 'SALLYPORT_SEALING_KEYS', 'SALLYPORT_UNKNOWN']) {
    t.match(ended.err, name)
  }
  t.notMatch(ended.err, 'short')
  t.notMatch(ended.err, 'at ', 'no stack: it is the operator’s mistake')
})

t.test('a demo secret is refused in production', async t => {
  const environment = {
    ...(await settingsOf(t)),
    NODE_ENV: 'production',
    SALLYPORT_SEALING_KEYS: `demo-k1:${Buffer.alloc(32, 'k7').toString('base64url')}`
  }
  const { code, err } = await end(
    fork(SERVER, { env: environment, execArgv: CONDITIONS, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  )
  t.equal(code, 1)
  t.match(err, 'SALLYPORT_SEALING_KEYS')
})

t.test(
  'the command line prints help, works on the database of the settings, and tells mistakes by its exit code',
  async t => {
    const environment = await settingsOf(t)
    const [help, unknown, unset] = await Promise.all([
      auth(inherited, '--help'),
      auth(inherited, 'users', 'fly'),
      auth(inherited, 'users', 'list')
    ])
    t.match([help.code, help.out], [0, /clients create/])
    t.match([unknown.code, unknown.err], [2, /there is no command users fly/])
    t.match([unset.code, unset.err], [1, /DATABASE_URL/], 'without settings')
    const created = await auth(environment, 'clients', 'create', 'job', '--grants', 'client_credentials', '--json')
    t.equal(created.code, 0, created.err)
    t.match(JSON.parse(created.out), { id: 'job', secret: /^[\w-]{43}$/ })
    t.match(JSON.parse((await auth(environment, 'clients', 'list', '--json')).out), [
      { id: 'job', grantTypes: ['client_credentials'] }
    ])
    const again = await auth(environment, 'clients', 'create', 'job', '--grants', 'client_credentials')
    t.match([again.code, again.err], [1, /already a client job/])
    const db = connect(environment.DATABASE_URL ?? '', 1)
    t.after(() => db.destroy())
    const { live } = openLiveSettings(loadSettings({ schema: settingsSchema, environment }))
    t.strictSame(
      await db('audit_events')
        .where({ subject: 'command-line' })
        .distinct('configuration_version')
        .pluck('configuration_version'),
      [`1:${live.state().digest}`],
      'rows say which settings the command had'
    )
  }
)
