// Debian's promtool on the rules of Prometheus: each alert fires on its fault and not before, and clears. A rule that
// never fires, or always, is found by these tests.
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { PROMETHEUS_FOLDER, readAlertTests, ruleFiles, ruleTestFiles } from '../support/observability/alert-rules.ts'
import { missingProgram } from '../support/observability/missing-program.ts'

const run = promisify(execFile)
const skip = missingProgram('promtool')

/** What promtool prints about tests of rules, whether they pass or not. */
async function ruleTestOutput(folder: string): Promise<{ readonly passed: boolean; readonly output: string }> {
  const files = ruleTestFiles().map(file => join(folder, 'tests', basename(file)))
  const outcomes = await Promise.all(
    files.map(
      async file =>
        await run('promtool', ['test', 'rules', file], { maxBuffer: 2 ** 26 }).then(
          ({ stdout, stderr }) => ({ passed: true, output: stdout + stderr }),
          (error: { stdout: string; stderr: string }) => ({ passed: false, output: error.stdout + error.stderr })
        )
    )
  )
  return { passed: outcomes.every(({ passed }) => passed), output: outcomes.map(({ output }) => output).join('') }
}

t.test('promtool accepts the configuration and the rules', { skip }, async t => {
  await t.resolves(run('promtool', ['check', 'config', join(PROMETHEUS_FOLDER, 'prometheus.yml')]))
  await t.resolves(run('promtool', ['check', 'rules', ...ruleFiles()]))
})

t.test('each alert is quiet before its fault, fires on it, and clears', { skip }, async t => {
  const { passed, output } = await ruleTestOutput(PROMETHEUS_FOLDER)
  t.ok(passed, output.slice(0, 4000))
})

t.test('an alert that never fires, and one that always does, fails its tests', { skip }, async t => {
  for (const [what, expression] of [
    ['never', 'vector(0) > 1'],
    ['always', 'vector(1)']
  ] as const) {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-rules-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    cpSync(PROMETHEUS_FOLDER, folder, { recursive: true })
    for (const file of ruleFiles()) {
      const broken = readFileSync(file, 'utf8').replaceAll(
        /(- alert: .*\n +expr:) (?:\|\n(?: {10}.*\n)+|.*\n)/g,
        `$1 ${expression}\n`
      )
      writeFileSync(join(folder, 'rules', basename(file)), broken)
    }
    const { output } = await ruleTestOutput(folder)
    const noticing = readAlertTests().filter(
      ({ alert_rule_test: looks }) => what === 'always' || looks.some(({ exp_alerts: fired }) => fired.length > 0)
    )
    t.strictSame(
      noticing.filter(({ name }) => !output.includes(`name: ${name},`)).map(({ name }) => name),
      [],
      what
    )
  }
})
