// `npm run check:names`: every name of the sources means one thing and says what. `-- --shrink` takes from the baseline
// what no longer holds; nothing puts anything in.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, readSources } from './packages.ts'
import { compareWithBaseline, nameFaults, shrunk, type NameBaseline } from './source-names.ts'

const BASELINE = join(ROOT, 'test/support/names-baseline.json')

const sources = readSources()
const faults = nameFaults(sources)
let baseline = JSON.parse(readFileSync(BASELINE, 'utf8')) as NameBaseline
if (process.argv.includes('--shrink')) {
  baseline = shrunk(baseline, faults)
  writeFileSync(BASELINE, `${JSON.stringify(baseline, null, 2)}\n`)
}

const { added, gone } = compareWithBaseline(faults, baseline)
for (const { folder, name, why } of added) console.error(`${folder}: ${name}: ${why}`)
for (const { folder, name } of gone) {
  console.error(`${folder}: ${name} is no longer at fault: run check:names -- --shrink`)
}
const left = Object.values(baseline).flat().length
console.log(
  added.length + gone.length === 0
    ? `names: ${sources.size} files keep the rules${left === 0 ? '' : `, but for ${left} names of the baseline`}`
    : `names: ${added.length + gone.length} faults`
)
process.exitCode = added.length + gone.length === 0 ? 0 : 1
