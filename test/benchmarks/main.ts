// npm run bench -- <name> [--json FILE] [--rounds N] [--seconds N] [--rows N] [--only "candidate; operation"]
//   [--profiles FOLDER]
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { defined } from '@sallyport/security-context/mechanics'
import { machine } from '../support/machine.ts'
import { runBenchmark } from './support/run.ts'
import type { Benchmark, Measured, Measurement, MeasurementOptions } from './support/types.ts'

const {
  positionals: [name],
  values
} = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    rows: { type: 'string' },
    only: { type: 'string' },
    profiles: { type: 'string' }
  }
})
const file = new URL(`${name ?? ''}.bench.ts`, import.meta.url)
if (name === undefined || !/^[\w-]+$/.test(name) || !existsSync(file)) {
  const names = readdirSync(new URL('.', import.meta.url))
    .filter(entry => entry.endsWith('.bench.ts'))
    .map(entry => entry.replace('.bench.ts', ''))
  console.error(`usage: npm run bench -- <name> [--json FILE] [--rounds N] [--seconds N]; names: ${names.join(', ')}`)
  process.exit(1)
}
const module = (await import(file.href)) as { benchmark: Benchmark } | { measurement: Measurement }
const report =
  'measurement' in module
    ? { machine: machine(), ...(await module.measurement(console.log, measurementOptions())) }
    : await runBenchmark(module.benchmark, console.log, measurementOptions())
console.log(report.machine)
if ('values' in report) {
  if (report.candidates !== undefined) console.table(report.candidates)
  for (const [value, measured] of Object.entries(report.values)) console.log(`${value}: ${measured}`)
} else {
  for (const [candidate, operations] of Object.entries(report.candidates)) {
    const costs = Object.entries(operations).flatMap(
      ([operation, { cpuMicrosPerRequest, databaseMicrosPerRequest }]) => [
        [`${operation} (µs CPU)`, cpuMicrosPerRequest],
        ...(databaseMicrosPerRequest === undefined ? [] : [[`${operation}, database`, databaseMicrosPerRequest]])
      ]
    )
    console.table({ [candidate]: Object.fromEntries(costs) })
  }
}
for (const [goal, { value, goal: wanted, better }] of Object.entries<Measured['goals'][string]>(report.goals)) {
  console.log(
    `${goal}: ${value} (goal ${better === 'higher' ? '≥' : '≤'} ${wanted}: ${(better === 'higher' ? value >= wanted : value <= wanted) ? 'reached' : 'not reached'})`
  )
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`)

function measurementOptions(): MeasurementOptions {
  const { rounds, seconds, rows, only, profiles } = values
  return defined({
    rounds: rounds === undefined ? undefined : Number(rounds),
    seconds: seconds === undefined ? undefined : Number(seconds),
    rows: rows === undefined ? undefined : Number(rows),
    only,
    profiles
  })
}
