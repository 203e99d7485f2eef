// Counts the leaf assertions of TAP reports and ends with the line that names them.
// `summary.mjs <report> <exit code> …`: each report has to have tests, and its run has to have ended well.
import { readFileSync } from 'node:fs'

const given = process.argv.slice(2)
let passed = 0
let failed = 0
while (given.length > 0) {
  const [report, status] = given.splice(0, 2)
  const totals = [
    ...readFileSync(report, 'utf8').matchAll(/^# \{ total: \d+(?:, pass: (\d+))?(?:, fail: (\d+))?.*\}$/gm)
  ].at(-1)
  const passes = Number(totals?.[1] ?? 0)
  const failures = Number(totals?.[2] ?? 0)
  passed += passes
  failed += status === '0' && passes > 0 ? failures : Math.max(failures, 1)
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
