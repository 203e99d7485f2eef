// What belongs to each alert: a test of its rule, a page for whoever is called, a graph. promtool itself runs in
// test/drills/alert-rules.drill.ts.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readAlertTests, readRules, runbookFile } from '../../support/observability/alert-rules.ts'
import { commandMistakes, RUNBOOK_SECTIONS } from '../../support/observability/runbooks.ts'
import { ROOT } from '../../support/packages.ts'

const RUNBOOKS = 'docs/runbooks'
const PAGE_URL = 'https://github.com/sallyport-contributors/sallyport/blob/main/docs/runbooks'
const { alerts } = readRules()
const names = [...new Set(alerts.map(({ alert }) => alert))]
const pages = readdirSync(join(ROOT, RUNBOOKS)).filter(name => name !== 'README.md')
const pageOf = (file: string): string => readFileSync(join(ROOT, RUNBOOKS, file), 'utf8')

t.test('a rule test shows of each alert that it is quiet, fires, and is quiet again', async t => {
  const tests = readAlertTests()
  for (const { alert, labels } of alerts) {
    const phases = tests
      .filter(({ name }) => name.startsWith(`${alert}: `))
      .map(test =>
        test.alert_rule_test.map(({ exp_alerts: fired }) =>
          fired.some(({ exp_labels: shown }) => shown.severity === labels.severity)
        )
      )
    t.ok(
      phases.some(fired => fired[0] === false && fired.includes(true) && fired.at(-1) === false),
      `${alert} (${labels.severity})`
    )
  }
  t.strictSame(
    tests.filter(({ name }) => !names.includes(name.split(':', 1)[0] ?? '')).map(({ name }) => name),
    [],
    'no test is of an alert that is gone'
  )
})

t.test('an alert says how urgent it is, what happens where, and which page helps', async t => {
  for (const { alert, labels, annotations } of alerts) {
    t.match(labels.severity, /^(page|ticket)$/, alert)
    t.match(annotations.summary, '{{ $labels.process }}', alert)
    t.equal(annotations.runbook_url, `${PAGE_URL}/${runbookFile(alert)}`)
  }
})

t.test('every alert has its page, and every page its alert', async t => {
  t.strictSame([...pages].sort(), names.map(runbookFile).sort())
  const index = pageOf('README.md')
  for (const name of names) {
    const page = pageOf(runbookFile(name))
    t.match(page, `# ${name}\n`)
    t.match(index, `[${name}](${runbookFile(name)})`, 'the index links it')
  }
})

t.test('pages have one shape', async t => {
  for (const page of pages) {
    t.strictSame(
      [...pageOf(page).matchAll(/^## (.*)$/gm)].map(([, heading]) => heading),
      RUNBOOK_SECTIONS,
      page
    )
  }
})

t.test('the commands of the pages exist: scripts, commands of executables, routes and metrics', async t => {
  for (const page of pages) t.strictSame(await commandMistakes(pageOf(page)), [], page)
})

t.test('a command that does not exist is found', async t => {
  const of = async (line: string): Promise<string[]> => await commandMistakes(`\`\`\`sh manual\n${line}\n\`\`\`\n`)
  t.strictSame(await of('npm run nothing'), ['npm run nothing'])
  t.strictSame(await of('npm run auth -- keys forge'), ['npm run auth -- keys forge'])
  t.strictSame(await of('sallyport-auth-server tokens list'), ['sallyport-auth-server tokens list'])
  t.strictSame(await of('sallyport-none start'), ['sallyport-none start'])
  t.strictSame(await of('curl -s "$OPERATIONS/health/well"'), ['curl -s "$OPERATIONS/health/well"'])
  t.strictSame(await of('frobnicate --now'), ['frobnicate --now'])
  t.strictSame(await of('npm run auth -- keys list\nsallyport-gateway routes\ncurl -s "$OPERATIONS/metrics"'), [])
})
