// The test in the README passes under both runners that it names, and is as short as it says.
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { ROOT } from '../../support/packages.ts'
import { readmeBlocks, readmePrograms } from '../../support/readme-blocks.ts'

const run = promisify(execFile)
const readme = readFileSync(join(ROOT, 'plugins/testing/README.md'), 'utf8')
const [program = ''] = readmePrograms(readme)
const tapLines = readmeBlocks(readme).find(({ code }) => code.includes("from 'tap'"))?.code ?? ''
const folder = mkdtempSync(join(ROOT, 'test/plugins/testing/.readme-'))
t.teardown(() => rmSync(folder, { recursive: true }))

async function output(name: string, code: string): Promise<string> {
  const file = join(folder, `${name}.ts`)
  writeFileSync(file, code)
  return (await run(process.execPath, ['--conditions=@sallyport/source', file], { cwd: ROOT })).stdout
}

t.test('the test of the README is twenty lines long', async t => {
  t.ok(program.split('\n').filter(line => line.trim() !== '').length <= 20)
})

t.test('it passes under node:test and under tap', async t => {
  t.match(await output('node-test', program), /a customer sees who they are/)
  const underTap = program.replace(/^[\s\S]*?node:test'\n/, tapLines)
  t.match(await output('tap', underTap), /^ok 1 - a customer sees who they are/m)
})

t.test('and fails under both when the app answers something else', async t => {
  const broken = program.replace('request.principal?.subject', "'nobody'")
  await t.rejects(output('node-test-broken', broken))
  await t.rejects(output('tap-broken', broken.replace(/^[\s\S]*?node:test'\n/, tapLines)))
})
