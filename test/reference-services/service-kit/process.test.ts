import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connectService } from '@sallyport/service-kit'
import * as deliveryService from '@sallyport/delivery-service'
import t, { type Test } from 'tap'
import { fileURLToPath } from 'node:url'
import { CHILD_ENVIRONMENT } from '../../support/child-environment.ts'
import { openContext } from '../../../plugins/service-process/src/process-context.ts'
import { freePort } from '../../support/free-port.ts'
import { createTokenAuthority, type TokenAuthority } from '../../support/token-authority.ts'
import { stillSettings } from '../../support/still-settings.ts'
import { testDatabase } from '../../support/database.ts'
import { FACTS, SETTINGS, startUpstream, USERS } from '../support/services.ts'

const SERVER = fileURLToPath(new URL('../../../reference-services/delivery-service/src/server.ts', import.meta.url))

interface Started {
  readonly child: ChildProcess
  readonly stderr: () => string
  message: () => Promise<Record<string, string>>
}

/** The service's own entry as a child process, with nothing of this process's environment. */
function startProcess(t: Test, environment: Record<string, string>, execArgv: string[] = []): Started {
  const child = fork(SERVER, {
    env: { ...CHILD_ENVIRONMENT, ...environment },
    execArgv: ['--conditions=@sallyport/source', '--disable-warning=ExperimentalWarning', ...execArgv],
    silent: true
  })
  let stderr = ''
  child.stderr?.on('data', (data: Buffer) => {
    stderr += data.toString()
  })
  t.after(() => {
    child.kill('SIGKILL')
  })
  return {
    child,
    stderr: () => stderr,
    message: async () => (await once(child, 'message'))[0] as Record<string, string>
  }
}

/** An authorization server as far as a verifier needs it. */
async function startAuthority(t: Test): Promise<TokenAuthority> {
  const authority = createTokenAuthority(`http://127.0.0.1:${await freePort()}`)
  t.after(await authority.listen())
  return authority
}

t.test('a service process gets ready, serves, and ends on SIGTERM', async t => {
  const authority = await startAuthority(t)
  const roles = { appRole: 'test_process_app', prunerRole: 'test_process_pruner' }
  const { url } = await testDatabase(t, 'service-process', async db => {
    for (const role of Object.values(roles)) await db.raw("create role ?? login password 'for-tests-only'", [role])
    await deliveryService.migrate(db, roles)
    await deliveryService.seedDemo(db, { ...FACTS, issuer: authority.issuer })
  })
  const databaseUrl = Object.assign(new URL(url), { username: roles.appRole, password: 'for-tests-only' }).href
  const { child, message, stderr } = startProcess(t, {
    DATABASE_URL: databaseUrl,
    PORT: '0',
    SALLYPORT_OPERATIONS_PORT: '0',
    SALLYPORT_DRAIN_DELAY_MS: '0',
    SALLYPORT_ISSUER: authority.issuer,
    SALLYPORT_CLIENT_ID: 'delivery-service',
    SALLYPORT_CLIENT_SECRET: 'secret-secret-secret-secret-secret'
  })
  const ready = await message()
  t.match(ready, { type: 'ready', name: 'delivery-service', url: /^http:\/\/127\.0\.0\.1:\d+$/ }, stderr())
  const token = await authority.mint({
    subject: USERS.courier1.subject,
    audience: 'delivery-service',
    roles: ['COURIER'],
    scope: 'deliveries:read'
  })
  const answer = await fetch(`${ready.url}/deliveries`, { headers: { authorization: `Bearer ${token}` } })
  t.equal(answer.status, 200)
  t.equal(((await answer.json()) as { deliveries: unknown[] }).deliveries.length, 3)
  child.kill('SIGTERM')
  t.same(await once(child, 'exit'), [0, null])
})

t.test('every mistake of the settings is told at once, and no secret', async t => {
  const { child, message, stderr } = startProcess(t, {
    PORT: 'http',
    SALLYPORT_ISSUER: 'http://issuer.example',
    SALLYPORT_CLIENT_SECRET: '',
    SALLYPORT_PEER_ADDRESSES: 'a=b=c',
    SALLYPORT_UNKNOWN: '1',
    DATABASE_URL: 'mysql://user:hush@host/db'
  })
  const failed = await message()
  t.equal(failed.type, 'failed')
  for (const setting of [
    'port',
    'issuer',
    'clientId',
    'clientSecret',
    'databaseUrl',
    'peerAddresses',
    'SALLYPORT_UNKNOWN'
  ]) {
    t.match(failed.message, setting)
  }
  t.notMatch(failed.message, /hush/)
  t.same(await once(child, 'exit'), [1, null])
  t.match(stderr(), 'delivery-service: The configuration has')
})

t.test('a process whose TLS verification is turned off from outside does not start', async t => {
  const { child, message } = startProcess(t, { NODE_TLS_REJECT_UNAUTHORIZED: '0' })
  t.match(await message(), { type: 'failed', message: /NODE_TLS_REJECT_UNAUTHORIZED/ })
  t.same(await once(child, 'exit'), [1, null])
})

t.test('settings that do not fit together are told together', async t => {
  const { message } = startProcess(t, {
    DATABASE_URL: 'postgres://app:hush@db.example/deliveries',
    SALLYPORT_ISSUER: 'https://issuer.example',
    SALLYPORT_CLIENT_ID: 'delivery-service',
    SALLYPORT_CLIENT_SECRET: 'secret-secret-secret-secret-secret',
    SALLYPORT_HOST: '0.0.0.0',
    SALLYPORT_OPERATIONS_HOST: '10.0.0.1',
    SALLYPORT_TRUSTED_PROXIES: '10.0.0.0/8 2'
  })
  const failed = await message()
  t.match(failed, {
    type: 'failed',
    message:
      /^The configuration has 4 mistakes:\n {2}host: .*0\.0\.0\.0.*\n {2}operationsHost: .*\n {2}databaseUrl: .*\n {2}trustedProxies: 2 is no/
  })
  t.notMatch(failed.message, /hush/)
})

t.test('a service does not start beside an authorization server that publishes no keys', async t => {
  const documents: Record<string, unknown> = {}
  const issuer = await startUpstream(t, app => {
    app.get('/.well-known/oauth-authorization-server', async () => documents)
  })
  Object.assign(documents, { issuer, token_endpoint: `${issuer}/token`, response_types_supported: [] })
  const settings = { ...SETTINGS, issuer }
  const { context, close } = await openContext({
    name: 'a-service',
    settings,
    live: stillSettings(settings),
    acceptTraces: true,
    environment: {},
    log: { warn: () => {}, info: () => {} }
  })
  t.after(close)
  await t.rejects(connectService(settings, context, stillSettings(settings)), {
    code: 'SALLYPORT_SERVICE_SETTINGS_INVALID',
    message: /jwks_uri/
  })
})
