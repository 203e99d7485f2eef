// From packed files on an empty PostgreSQL, by nothing but the documented commands: migrate, start, a user, a client, a
// token, the gateway in front, stop.
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { certificateFiles, makeAuthority } from '../support/certificates.ts'
import { clusterUrl, connect } from '../support/database.ts'
import { freePort } from '../support/free-port.ts'
import { installPrograms, untilReady } from './support/installed-programs.ts'

const ROUTES = `upstreams:
  order-service:
    origin: \${ORDER_SERVICE_ORIGIN}
routes:
  - { path: '/orders/*', upstream: order-service, forward: { audience: order-service }, access: authenticated }`
const PROGRAMS = ['gateway', 'auth-server', 'order-service', 'restaurant-service', 'delivery-service']

/** An empty database with an owner and the two roles, as docs/whole-stack.md makes it. */
async function emptyDatabase(t: Test, name: string): Promise<Record<'owner' | 'app', string>> {
  const admin = connect(clusterUrl(), 1)
  const url = (role: string): string =>
    Object.assign(new URL(clusterUrl()), { username: role, password: 'for-tests-only', pathname: `/${name}` }).href
  const roles = ['owner', 'app', 'pruner'].map(role => `${name}_${role}`)
  for (const role of roles) await admin.raw(`create role ${role} login password 'for-tests-only'`)
  await admin.raw(`create database ${name} owner ${name}_owner`)
  t.after(async () => {
    await admin.raw(`drop database ${name} with (force)`)
    for (const role of roles) await admin.raw(`drop role ${role}`)
    await admin.destroy()
  })
  return { owner: url(`${name}_owner`), app: url(`${name}_app`) }
}

t.test('the stack is migrated, started, administered and stopped by its commands alone', async t => {
  const { folder, run, start } = await installPrograms(t)
  const keyRing = `k1:${randomBytes(32).toString('base64url')}`
  const secretFile = (name: string, text: string): string => {
    writeFileSync(join(folder, name), `${text}\n`, { mode: 0o600 })
    return join(folder, name)
  }

  for (const name of PROGRAMS) {
    const program = `sallyport-${name}`
    t.strictSame(await run(program, ['--version']), { code: 0, out: '0.1.0\n', error: '' }, program)
    t.match((await run(program, ['--help'])).out, `${program} <command>`)
    t.match((await run(program, ['settings'])).out, 'DATABASE_URL or DATABASE_URL_FILE')
    t.equal((await run(program, ['dance'])).code, 2)
    const unset = await run(program, ['start'])
    t.equal(unset.code, 1)
    t.match(unset.error, name === 'gateway' ? 'routesPath: is required' : 'databaseUrl: is required')
    const urls = await emptyDatabase(t, `adopted_${name.replace('-', '_')}`)
    const roles = [
      '--app-role',
      new URL(urls.app).username,
      '--pruner-role',
      `adopted_${name.replace('-', '_')}_pruner`
    ]
    const environment = { DATABASE_URL_FILE: secretFile(`${name}-owner-url`, urls.owner) }
    for (const time of ['an empty database', 'once more']) {
      t.match(await run(program, ['migrate', ...roles], environment), { code: 0, error: '' }, `${program}, ${time}`)
    }
    secretFile(`${name}-app-url`, urls.app)
  }

  const [port, operationsPort, gatewayPort, gatewayOperationsPort] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort()
  ]
  const issuer = `http://127.0.0.1:${port}`
  const server = {
    PORT: String(port),
    SALLYPORT_OPERATIONS_PORT: String(operationsPort),
    SALLYPORT_ISSUER: issuer,
    SALLYPORT_DRAIN_DELAY_MS: '0',
    DATABASE_URL_FILE: join(folder, 'auth-server-app-url'),
    SALLYPORT_SEALING_KEYS_FILE: secretFile('auth-server-sealing-keys', keyRing)
  }
  const values = await run('sallyport-auth-server', ['settings', '--values'], server)
  t.match(values, { code: 0, out: /sealingKeys +\[secret\] +file / })
  t.notMatch(values.out, keyRing)
  const authServer = start('sallyport-auth-server', server)
  await untilReady(`http://127.0.0.1:${operationsPort}/health/ready`, authServer)

  const administer = async (args: string, input = ''): Promise<Record<string, unknown>> => {
    const { code, out, error } = await run('sallyport-auth-server', [...args.split(' '), '--json'], server, input)
    t.equal(code, 0, `${args}: ${error}`)
    return JSON.parse(out) as Record<string, unknown>
  }
  t.match(await administer('users create maria --password-stdin', 'a long enough passphrase\n'), { username: 'maria' })
  await administer('audiences create reporting')
  const reports = await administer('clients create reports --grants client_credentials --default-audience reporting')
  const token = await fetch(`${issuer}/oauth2/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`reports:${String(reports.secret)}`)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' })
  })
  t.match({ status: token.status, body: await token.json() }, { status: 200, body: { token_type: 'Bearer' } })

  await administer('audiences create sallyport-gateway')
  const gatewayClient = await administer(
    'clients create gateway --grants password,refresh_token --own-audience sallyport-gateway'
  )
  const authority = await makeAuthority()
  const files = certificateFiles(t, await authority.issue({ names: ['localhost'] }))
  const routes = {
    SALLYPORT_ROUTES_PATH: secretFile('gateway.yaml', ROUTES),
    ORDER_SERVICE_ORIGIN: 'http://127.0.0.1:1'
  }
  const checked = await run('sallyport-gateway', ['check'], routes)
  t.match(checked, { code: 0, out: 'gateway.yaml: 1 routes to 1 upstreams' })
  t.match((await run('sallyport-gateway', ['explain', 'GET', '/orders/1'], routes)).out, 'http://127.0.0.1:1/orders/1')
  const gateway = start('sallyport-gateway', {
    PORT: String(gatewayPort),
    SALLYPORT_OPERATIONS_PORT: String(gatewayOperationsPort),
    SALLYPORT_DRAIN_DELAY_MS: '0',
    SALLYPORT_ISSUER: issuer,
    SALLYPORT_CLIENT_SECRET_FILE: secretFile('gateway-client-secret', String(gatewayClient.secret)),
    SALLYPORT_SEALING_KEYS_FILE: secretFile('gateway-sealing-keys', keyRing),
    DATABASE_URL_FILE: join(folder, 'gateway-app-url'),
    SALLYPORT_TLS_CERTIFICATE_PATH: files.certificatePath,
    SALLYPORT_TLS_PRIVATE_KEY_PATH: files.privateKeyPath,
    SALLYPORT_TLS_CA_PATH: files.caPath,
    SALLYPORT_AUTH_SERVER_ORIGIN: issuer,
    ...routes
  })
  await untilReady(`http://127.0.0.1:${gatewayOperationsPort}/health/ready`, gateway)
  const stranger = await fetch(`http://127.0.0.1:${gatewayPort}/orders`)
  t.equal(stranger.status, 401)

  t.equal(await gateway.stop(), 0)
  t.equal(await authServer.stop(), 0)
  t.notMatch(`${authServer.log()}${gateway.log()}`, keyRing)
})
