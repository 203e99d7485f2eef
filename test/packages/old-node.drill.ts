// On a Node that is too old a process says one line and ends with 1, and a package throws one error that says it.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { nodeVersionMistake } from '@sallyport/security-context/mechanics'
import { ROOT, workspaces } from '../support/packages.ts'

const run = promisify(execFile)
const packages = workspaces().filter(({ published }) => published)
const processes = [
  'reference-gateway/src/server.ts',
  'auth-server/src/server.ts',
  'auth-server/bin/auth.mjs',
  'reference-services/order-service/src/server.ts',
  'reference-services/restaurant-service/src/server.ts',
  'reference-services/delivery-service/src/server.ts',
  'reference-services/configuration-server/src/server.ts',
  'deploy/local/src/main.ts',
  'deploy/local/src/walkthrough/run-walkthrough.ts'
]

/** Runs a program that believes that it runs on another Node. */
async function runOn(version: string, file: string): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const disguise = `Object.defineProperty(process.versions, 'node', { value: '${version}' })`
  const options = ['--conditions=@sallyport/source', '--import', `data:text/javascript,${encodeURIComponent(disguise)}`]
  try {
    return { code: 0, ...(await run(process.execPath, [...options, file], { cwd: ROOT })) }
  } catch (error) {
    return error as { code: unknown; stdout: string; stderr: string }
  }
}

t.test('22.19 and everything later is new enough, and nothing earlier', async t => {
  for (const version of ['22.19.0', '22.20.1', '24.0.0', '100.0.0-nightly']) t.equal(nodeVersionMistake(version), null)
  for (const version of ['22.18.9', '20.99.0', '9.0.0', '']) t.match(nodeVersionMistake(version), 'needs Node 22.19')
  for (const { folder } of workspaces()) {
    const { engines } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as { engines: unknown }
    t.same(engines, { node: '>=22.19' }, `${folder} says the same`)
  }
})

for (const file of processes) {
  t.test(`${file} says one line on an old Node, and ends with 1`, async t => {
    const { code, stdout, stderr } = await runOn('22.18.0', file)
    t.equal(stderr, 'Sallyport needs Node 22.19 or later, and this is Node 22.18.0\n')
    t.equal(stdout, '')
    t.equal(code, 1)
  })
}

t.test('every package throws one error with a code', async t => {
  const imports = packages.map(({ name }) => `await import('${name}').catch(e => console.log(e.code, e.message))`)
  const folder = t.testdir({ 'imports.mjs': imports.join('\n') })
  const { stdout } = await runOn('20.20.2', join(folder, 'imports.mjs'))
  const line = 'SALLYPORT_NODE_TOO_OLD Sallyport needs Node 22.19 or later, and this is Node 20.20.2'
  t.same(
    stdout.trim().split('\n'),
    packages.map(() => line)
  )
})

t.test('it is the first that a package or a process evaluates, so nothing newer can fail before it', async t => {
  const entries = packages.map(({ folder }) => `${folder}/src/index.ts`)
  for (const file of [...entries, ...processes]) {
    const [, first = ''] = /^import [^\n]*?'([^']+)'/m.exec(readFileSync(join(ROOT, file), 'utf8')) ?? []
    t.match(first, /^(?:\.|@sallyport\/[a-z-]+)\/require-node(?:\.ts)?$/, file)
  }
})
