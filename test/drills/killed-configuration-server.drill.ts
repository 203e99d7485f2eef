// The configuration server is killed: who reads from it goes on, starts without it as it was told to, and follows it
// again when it is back. Beside that, the gateway of the stack takes routes from its server.
import { execFile, spawnSync } from 'node:child_process'
import { copyFileSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { readStack, startOwnStack } from '@sallyport/local'
import { CHILD_ENVIRONMENT } from '../support/child-environment.ts'
import {
  environmentOfProcess,
  startConfiguredServices,
  takenSettings,
  type ListeningProcess
} from '../support/configured-services.ts'
import { ROOT } from '../support/packages.ts'
import { readmeBlocks } from '../support/readme-blocks.ts'

const run = promisify(execFile)

/** Resolves when it holds; tap ends a test that waits for ever. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await delay(20)
}

async function isReady({ operations }: ListeningProcess): Promise<boolean> {
  return (await fetch(`${operations}/health/ready`)).status === 200
}

t.test('a configuration server that is killed takes nobody with it', async t => {
  // With a PostgreSQL of its own: a stack sets the passwords of its roles, which all databases of a server share.
  const own = await startOwnStack({ environment: { ...process.env, ...CHILD_ENVIRONMENT } })
  t.teardown(own.stop)
  const configured = await startConfiguredServices(own)
  t.teardown(configured.stop)
  const { services, set, startServer, killServer, startService } = configured
  const versions = async () => await Promise.all(services.map(async one => (await takenSettings(one)).version))

  await t.test('a change reaches every process by the stream of the server', async t => {
    const before = await versions()
    await set(700_000)
    await until(async () => (await versions()).every((version, place) => version === (before[place] ?? 0) + 1))
    t.same(
      await versions(),
      before.map(version => version + 1)
    )
  })

  await t.test('the commands of docs/configuration.md work as written', async t => {
    const page = readFileSync(join(ROOT, 'docs/configuration.md'), 'utf8')
    const lines = readmeBlocks(page)
      .filter(({ language }) => language === 'sh')
      .flatMap(({ code }) => [...code.matchAll(/^\$ (.*)$/gm)].map(([, line = '']) => line))
    const overlay = readmeBlocks(page).find(({ language }) => language === 'yaml')?.code ?? ''
    const folder = t.testdir({ 'overlay.yaml': overlay })
    copyFileSync(join(ROOT, 'deploy/local/gateway.yaml'), join(folder, 'gateway.yaml'))
    const { processIds, operations } = readStack(own.localJson)
    const printed: string[] = []
    for (const line of lines) {
      const name = line.startsWith('sallyport-gateway') ? 'reference-gateway' : 'order-service'
      const command = line.replace('http://127.0.0.1:8182', operations['order-service'] ?? '')
      const { stdout } = await run('bash', ['-c', command], {
        cwd: folder,
        env: {
          ...environmentOfProcess(processIds[name] ?? 0),
          NODE_OPTIONS: '--conditions=@sallyport/source --disable-warning=ExperimentalWarning',
          PATH: `${join(ROOT, 'node_modules/.bin')}:${dirname(process.execPath)}:${process.env.PATH}`
        }
      })
      printed.push(stdout)
    }
    t.equal(printed.length, 3)
    t.match(printed.join(''), /orderUndoneAfterMs +700000 +configuration server https:/)
    const counted = /gateway\.yaml: \d+ routes to \d+ upstreams/.exec(printed.join(''))?.[0] ?? 'no count'
    t.match(page, counted, 'as the page says')
    t.match(printed.join(''), '"configuration":{"version":')
    t.notMatch(printed.join(''), readFileSync(join(own.directory, 'run/order-service/database-url'), 'utf8').trim())
  })

  await t.test('killed, it is missed by nobody that runs', async t => {
    const before = await versions()
    await killServer()
    t.same(await versions(), before)
    for (const service of services) t.ok(await isReady(service))
  })

  await t.test('a start without it uses the snapshot, and fails where it was told to', async t => {
    const [first] = services
    first?.child.kill('SIGKILL')
    const again = await startService(1)
    t.match(again.output(), /the process starts with the snapshot of the configuration server/)
    await until(async () => await isReady(again))
    await t.rejects(
      startService(2, { SALLYPORT_CONFIGURATION_OUTAGE: 'fail' }),
      /The configuration server does not answer/
    )
    await t.rejects(
      startService(9, { SALLYPORT_CONFIGURATION_SNAPSHOT_PATH: join(own.directory, 'no-snapshot') }),
      /did not start/
    )
  })

  await t.test('started again, it is followed again', async t => {
    await startServer()
    const followers = services.slice(1)
    const before = await Promise.all(followers.map(takenSettings))
    await set(800_000)
    await until(async () => {
      const now = await Promise.all(followers.map(takenSettings))
      return now.every(({ version }, place) => version === (before[place]?.version ?? 0) + 1)
    })
    t.pass('by all that ran')
  })

  await t.test('the gateway of the stack takes a route to a pushed upstream, and refuses an address', async t => {
    const stack = readStack(own.localJson)
    const gateway: Pick<ListeningProcess, 'operations'> = { operations: stack.operations['reference-gateway'] ?? '' }
    const state = async () => await takenSettings(gateway as ListeningProcess)
    const setOverlay = (overlay: object): void => {
      const secrets = join(own.directory, 'run', 'configuration-server')
      const folder = dirname(fileURLToPath(import.meta.resolve('@sallyport/configuration-server')))
      const command = join(folder, '..', 'bin', 'sallyport-configuration-server.mjs')
      const value = `routesOverlay=${JSON.stringify(overlay)}`
      const args = ['set', 'reference-gateway', 'default', 'main', value]
      const { status, stderr } = spawnSync(process.execPath, ['--conditions=@sallyport/source', command, ...args], {
        env: {
          PATH: process.env.PATH,
          DATABASE_URL_FILE: join(secrets, 'database-url'),
          SALLYPORT_SEALING_KEYS_FILE: join(secrets, 'sallyport-sealing-keys')
        },
        encoding: 'utf8'
      })
      t.equal(status, 0, stderr)
    }
    const route = {
      path: '/v2/orders/*',
      rewrite: '/orders',
      upstream: 'order-service',
      forward: { audience: 'order-service' },
      access: 'authenticated'
    }
    const { username, password } = stack.users.find(user => user.username === 'customer1')!
    const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
    const ask = async (): Promise<number> =>
      (await fetch(`${stack.gateway}/v2/orders`, { headers: { authorization } })).status
    t.equal(await ask(), 404)
    setOverlay({ routes: [route] })
    await until(async () => (await ask()) === 200)
    const before = await state()
    setOverlay({ routes: [route], upstreams: { 'order-service': { origin: 'https://evil.example' } } })
    await until(async () => (await state()).refused > before.refused)
    t.equal(await ask(), 200, 'the last good ones stay')
  })
})
