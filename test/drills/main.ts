// npm run drills [-- --list | --short --seed N <name> …]: faults done to real processes, what clients saw of them, and
// what was lost. Without a name, all that share one stack. Exit code 1 when anything was lost.
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { machine } from '../support/machine.ts'
import { ROOT } from '../support/packages.ts'
import { FAULT_DRILLS, runFaultDrills } from './support/run-drills.ts'

/** Drills and soaks that stand by themselves, with the arguments of npm that run each. */
const OTHERS: Readonly<Record<string, readonly string[]>> = {
  'kill-sweep': ['run', 'soak', '--', 'kills'],
  'rolling-restarts': ['run', 'soak', '--', 'restarts'],
  'expired-sessions': ['run', 'soak', '--', 'sessions'],
  'full-disk': ['test', '--', 'test/plugins/audit-log/full-disk.test.ts'],
  ...Object.fromEntries(
    [
      'rolling-restart',
      'workers',
      'flooded-gateway',
      'killed-services',
      'killed-configuration-server',
      'behind-proxies',
      'stored-sessions',
      'restored-backup',
      'pushed-trail',
      'observed-stack',
      'alert-rules'
    ].map(name => [name, ['test', '--', `test/drills/${name}.drill.ts`]])
  )
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string' }, short: { type: 'boolean' }, list: { type: 'boolean' } }
})
if (values.list === true) {
  for (const name of Object.keys(FAULT_DRILLS)) console.log(name)
  for (const [name, command] of Object.entries(OTHERS)) console.log(`${name.padEnd(28)} npm ${command.join(' ')}`)
  process.exit(0)
}
const all = [...Object.keys(FAULT_DRILLS), ...Object.keys(OTHERS)]
const unknown = positionals.filter(name => !all.includes(name))
if (unknown.length > 0) {
  console.error(`usage: npm run drills [-- --list | --short --seed N <name> …]\n  ${all.join('\n  ')}`)
  process.exit(1)
}
const names = positionals.length > 0 ? positionals : Object.keys(FAULT_DRILLS)
const seed = Number(values.seed ?? randomInt(2 ** 31))
console.log(`${machine()}\nseed ${seed}`)
let broken = 0
await runFaultDrills({
  names,
  seed,
  isShort: values.short === true,
  log: line => console.log(`  ${line}`),
  report: (name, { saw, figures = {}, lost, skipped }, seconds) => {
    console.log(`${name}: ${skipped === undefined ? '' : `skipped, ${skipped} `}(${seconds} s)`)
    for (const [answer, times] of Object.entries(saw)) console.log(`  clients saw ${times} × ${answer}`)
    for (const [figure, value] of Object.entries(figures)) console.log(`  ${figure}: ${value}`)
    for (const what of lost.slice(0, 20)) console.log(`  LOST ${what}`)
    if (lost.length === 0 && skipped === undefined) console.log('  lost: nothing')
    broken += lost.length
  }
})
for (const name of names) {
  const command = OTHERS[name]
  if (command === undefined) continue
  const [code] = (await once(spawn('npm', command, { cwd: ROOT, stdio: 'inherit' }), 'exit')) as [number | null]
  console.log(`${name}: ${code === 0 ? 'held' : 'BROKEN'}`)
  if (code !== 0) broken++
}
console.log(broken === 0 ? 'Nothing was lost.' : `${broken} things did not hold (seed ${seed}).`)
process.exitCode = broken === 0 ? 0 : 1
