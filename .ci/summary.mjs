// Counts the leaf assertions of TAP reports, says what failed, and ends with the line of the counts.
// `summary.mjs <report> <exit code> …`: each report has to have tests, and its run has to have ended well.
import { readFileSync } from 'node:fs'
import { boundedLines, failuresIn } from './failures.mjs'

const SHOWN_LINES = 60

const given = process.argv.slice(2)
const failures = []
let passed = 0
let failed = 0
while (given.length > 0) {
  const [file, status] = given.splice(0, 2)
  const report = readFileSync(file, 'utf8')
  const totals = [...report.matchAll(/^# \{ total: \d+(?:, pass: (\d+))?(?:, fail: (\d+))?.*\}$/gm)]
  const [passedHere, failedHere] = [1, 2].map(count => totals.reduce((sum, run) => sum + Number(run[count] ?? 0), 0))
  passed += passedHere
  failed += status === '0' && passedHere > 0 ? failedHere : Math.max(failedHere, 1)
  failures.push(...failuresIn(report, status))
}
for (const line of boundedLines(failures, SHOWN_LINES)) console.log(line)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
