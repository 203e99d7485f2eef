// The app that `create-service --standalone` makes, outside the repository and from packed files: it compiles, its
// tests pass and notice what they are for, and it runs with an issuer and a PostgreSQL.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { ensureDatabase } from '@sallyport/local'
import { startIssuer } from '@sallyport/testing'
import t from 'tap'
import { clusterUrl, connect } from '../support/database.ts'
import { freePort } from '../support/free-port.ts'
import { packPackages } from '../support/installed-package.ts'
import { ROOT, workspaces } from '../support/packages.ts'

const NAME = 'created-app'
const INSTALL_MS = 300_000
const execute = promisify(execFile)
const directory = mkdtempSync(join(tmpdir(), 'sallyport-created-'))
t.teardown(() => rmSync(directory, { recursive: true, force: true }))
const folder = join(directory, NAME)
/** What a shell of somebody else has: Node and npm, and nothing of the repository. */
const SHELL = {
  PATH: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
  HOME: process.env.HOME,
  NODE_EXTRA_CA_CERTS: process.env.NODE_EXTRA_CA_CERTS
}

/** Runs npm in the app; what it printed, and its exit code. */
async function npm(args: readonly string[], environment = {}): Promise<{ code: number; out: string }> {
  const options = { cwd: folder, env: { ...process.env, ...SHELL, ...environment }, timeout: INSTALL_MS }
  return await execute('npm', args, options).then(
    ({ stdout, stderr }) => ({ code: 0, out: `${stdout}${stderr}` }),
    (error: { code?: number; stdout: string; stderr: string }) => ({
      code: error.code ?? -1,
      out: `${error.stdout}${error.stderr}`
    })
  )
}

/** What the app's tests say when one of its files is another one. */
async function testsWith(file: string, from: string, to: string): Promise<{ code: number; out: string }> {
  const path = join(folder, file)
  const right = readFileSync(path, 'utf8')
  if (!right.includes(from)) throw new Error(`${file} does not say ${from}`)
  writeFileSync(path, right.replace(from, to))
  const result = await npm(['test'])
  writeFileSync(path, right)
  return result
}

/** Makes the app and installs it from packed files: the one installation of this drill. */
async function installApp(): Promise<void> {
  await execute('npm', ['run', '--silent', 'build'], { cwd: ROOT })
  await execute(process.execPath, [join(ROOT, 'deploy/create-service/main.mjs'), '--standalone', NAME], {
    cwd: directory
  })
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<
    'dependencies' | 'devDependencies',
    Record<string, string>
  >
  const needed = workspaces().filter(({ name }) => Object.hasOwn({ ...dependencies, ...devDependencies }, name))
  const packs = join(directory, 'packs')
  await packPackages(needed, packs)
  const options = ['--prefer-offline', '--no-audit', '--no-fund']
  const { code, out } = await npm(['install', ...options, ...globSync(join(packs, '*.tgz'))])
  if (code !== 0) throw new Error(out)
}

await installApp()

t.test('it compiles, and its tests pass', async t => {
  t.match(await npm(['run', 'typecheck']), { code: 0 })
  const { code, out } = await npm(['test'])
  t.equal(code, 0, out)
})

t.test('its tests fail when the route loses its policy, its audit action or its audience', async t => {
  for (const [lost, file, from, to] of [
    ['policy', 'src/app.ts', 'access: mayReadReport', "access: 'authenticated'"],
    ['scope', 'src/policies.ts', "scope('reports:read')", "scope('profile')"],
    ['audit action', 'src/app.ts', 'mayReadReport, audit }', "mayReadReport, audit: 'none' }"],
    ['audience', 'src/app.ts', '{ issuer, audience, profile, keys }', "{ issuer, audience: 'any', profile, keys }"]
  ] as const) {
    const { code, out } = await testsWith(file, from, to)
    t.equal(code, 1, `without its ${lost}`)
    t.match(out, /AssertionError/, lost)
  }
})

t.test('it runs with an issuer that it finds by its name, and keeps the trail in PostgreSQL', async t => {
  const passwords = Object.fromEntries(
    ['owner', 'app', 'pruner'].map(role => [`created_app_${role}`, 'for-tests-only'])
  )
  const target = { adminUrl: clusterUrl(), name: 'created_app', origin: 'the cluster of the tests' }
  const { ownerUrl, appUrl, roles } = await ensureDatabase(target, passwords)
  const owner = connect(ownerUrl, 1)
  t.after(() => owner.destroy())
  const migrated = await npm(['run', 'migrate', '--', roles.app, roles.pruner], { DATABASE_URL: ownerUrl })
  t.equal(migrated.code, 0, migrated.out)

  const unset = await npm(['start'])
  t.equal(unset.code, 1)
  t.match(unset.out, /databaseUrl: is required[^]*issuer: is required/)

  const issuer = await startIssuer(t, { audience: NAME })
  const caFile = join(directory, 'ca.pem')
  writeFileSync(caFile, issuer.ca)
  const port = await freePort()
  const app = spawn(process.execPath, ['src/server.ts'], {
    cwd: folder,
    env: {
      PATH: SHELL.PATH,
      NODE_EXTRA_CA_CERTS: caFile,
      DATABASE_URL: appUrl,
      APP_ISSUER: issuer.issuer,
      APP_AUDIENCE: NAME,
      PORT: String(port)
    }
  })
  t.after(() => app.kill('SIGKILL'))
  const ended = once(app, 'exit')
  let log = ''
  const listening = Promise.withResolvers<void>()
  for (const stream of [app.stdout, app.stderr]) {
    stream.on('data', (text: Buffer) => {
      log += text.toString()
      if (log.includes('Server listening')) listening.resolve()
    })
  }
  await Promise.race([
    listening.promise,
    ended.then(() => {
      throw new Error(`the app ended:\n${log}`)
    })
  ])

  const read = async (claims: Readonly<Record<string, unknown>>): Promise<number> => {
    const headers = { authorization: `Bearer ${issuer.token(claims)}` }
    const answer = await fetch(`http://127.0.0.1:${port}/reports/7`, { headers })
    await answer.body?.cancel()
    return answer.status
  }
  t.equal(await read({ sub: 'reader-1', scope: 'reports:read' }), 200)
  t.equal(await read({ sub: 'reader-2', scope: 'profile' }), 403)
  t.equal(await read({ sub: 'reader-3', scope: 'reports:read', aud: 'another-app' }), 401)
  t.match(await owner('audit_events').whereNotNull('subject').orderBy('transaction_id'), [
    { action: 'report.read', outcome: 'success', subject: 'reader-1', resource_id: '7', process: NAME },
    { action: 'report.read', outcome: 'denied', subject: 'reader-2', resource_id: '7', process: NAME }
  ])
  app.kill('SIGTERM')
  t.same(await ended, [0, null], log)
  t.notMatch(log, /"level":[56]0/, 'it closes without an error')
})
