import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { ROOT } from '../support/packages.ts'

const PASSING = 'TAP version 14\nok 1 - should be equal\n1..1\n# { total: 3, pass: 3 }\n'

/** What the summary prints for these reports with their exit codes. */
function summarize(t: Test, ...runs: ReadonlyArray<readonly [report: string, status: number]>) {
  const folder = t.testdir(Object.fromEntries(runs.map(([report], index) => [`run-${index}`, report])))
  const args = runs.flatMap(([, status], index) => [join(folder, `run-${index}`), String(status)])
  const { stdout, status } = spawnSync(process.execPath, [join(ROOT, '.ci/summary.mjs'), ...args], { encoding: 'utf8' })
  return { lines: stdout.trimEnd().split('\n'), status }
}

/** A process with one file and in it one test, whose assertions are these. */
function reportOf(assertions: string): string {
  return `
> sallyport@0.1.0 test
> tap build && node main.ts

TAP version 14
# Subtest: .sallyport/test-processes/plugins.test.ts
    # Subtest: test/plugins/a.test.ts
        # Subtest: one
            ok 1 - should be equal
            1..1
        ok 1 - one # time=1ms
        # Subtest: two
${assertions}
        not ok 2 - two # time=2ms
          ---
          at:
            fileName: test/plugins/a.test.ts
          ...
    not ok 1 - test/plugins/a.test.ts # time=3ms
    # Subtest: test/plugins/b.test.ts
        ok 1 - should be equal
        1..1
    ok 2 - test/plugins/b.test.ts # time=3ms
not ok 1 - .sallyport/test-processes/plugins.test.ts # time=4ms
# { total: 7, pass: 6, fail: 1 }
`
}

const UNEQUAL = `            not ok 1 - should be equal
              ---
              compare: ===
              at:
                fileName: test/plugins/a.test.ts
                lineNumber: 7
              source: >
                t.equal(a, b)
              diff: |
                -0
                +1
              ...
            ok 2 - should be equal
            1..2`

t.test('runs that passed are counted in one line', async t => {
  t.strictSame(summarize(t, [PASSING, 0], [PASSING, 0]), { lines: ['6 passed, 0 failed'], status: 0 })
})

t.test('a failing assertion is named by file, test and title, with its difference, once', async t => {
  t.strictSame(summarize(t, [reportOf(UNEQUAL), 1], [PASSING, 0]), {
    lines: [
      'test/plugins/a.test.ts › two › should be equal',
      '  diff: |',
      '    -0',
      '    +1',
      '  compare: ===',
      '  at:',
      '    fileName: test/plugins/a.test.ts',
      '    lineNumber: 7',
      '9 passed, 1 failed'
    ],
    status: 1
  })
})

t.test('a test that failed without an assertion, and a failure that is expected', async t => {
  const { lines } = summarize(t, [reportOf('            not ok 1 - not yet # TODO\n            1..1'), 1])
  t.strictSame(lines, [
    'test/plugins/a.test.ts › two',
    '  at:',
    '    fileName: test/plugins/a.test.ts',
    '6 passed, 1 failed'
  ])
})

t.test('a step of a run that failed without tests shows its last 30 lines', async t => {
  const output = Array.from({ length: 40 }, (_, line) => `src/a.ts(${line},1): error`).join('\n')
  const report = `\n> sallyport@0.1.0 verify\n> …\n\n\n> sallyport@0.1.0 typecheck\n> tsc\n\n${output}\n`
  const { lines, status } = summarize(t, [report, 2], [PASSING, 0])
  t.equal(lines[0], 'npm run typecheck ended with exit code 2; its last lines:')
  t.strictSame(
    [lines.length, lines[1], lines[30], status],
    [32, '  src/a.ts(10,1): error', '  src/a.ts(39,1): error', 1]
  )
  t.equal(lines.at(-1), '3 passed, 1 failed')
})

t.test('a step that failed after tests that passed is the one that is shown', async t => {
  const { lines } = summarize(t, [`${PASSING}\n> sallyport@0.1.0 changes\n> node\n\n  DOES NOT WORK\n`, 1])
  t.strictSame(lines.slice(0, 1).concat(lines.slice(-2)), [
    'npm run changes ended with exit code 1; its last lines:',
    '    DOES NOT WORK',
    '3 passed, 1 failed'
  ])
})

t.test('all runs of a report are counted', async t => {
  t.strictSame(summarize(t, [`${PASSING}${PASSING}`, 0]), { lines: ['6 passed, 0 failed'], status: 0 })
})

t.test('of steps that ran beside each other each that failed is shown, with its own last lines', async t => {
  const step = (name: string, output: string, status: number): string =>
    `# step ${name} begins\n> sallyport@0.1.0 ${name}\n${output}\n# step ${name} ended with exit code ${status} after 1 s\n`
  const { lines } = summarize(t, [
    `${step('lint', 'src/a.ts: not pretty', 1)}${step('test', PASSING, 0)}${step('changes', 'DOES NOT WORK', 2)}`,
    1
  ])
  t.strictSame(
    lines.filter(line => !/^ +[#>]/.test(line)),
    [
      'npm run lint ended with exit code 1; its last lines:',
      '  src/a.ts: not pretty',
      'npm run changes ended with exit code 2; its last lines:',
      '  DOES NOT WORK',
      '3 passed, 1 failed'
    ]
  )
})

t.test('many failures share sixty lines', async t => {
  const failures = Array.from({ length: 30 }, () => UNEQUAL.replace('1..2', '')).join('\n')
  const { lines } = summarize(t, [reportOf(failures), 1])
  t.equal(lines.filter(line => line.startsWith('test/plugins/a.test.ts')).length, 30)
  t.ok(lines.length <= 61)
  const more = summarize(t, [reportOf(Array.from({ length: 90 }, () => UNEQUAL).join('\n')), 1]).lines
  t.strictSame([more.length, more.at(-2)], [61, '… and 31 more failures'])
})
