import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'

const MODULE = new URL('../../reference-gateway/src/allocate-young.ts', import.meta.url).href

/** Makes so much that lives long at one place that V8 would go on with the old generation there. */
const PROGRAM = `
import { setFlagsFromString } from 'node:v8'
import { allocateYoung } from ${JSON.stringify(MODULE)}
allocateYoung()
setFlagsFromString('--allow-natives-syntax')
const isYoung = new Function('made', 'return %InYoungGeneration(made)')
const make = at => [at, at + 1, at + 2]
let kept = []
for (let at = 0; at < 1_500_000; at++) kept.push(make(at))
kept = []
console.log(Array.from({ length: 100 }, (_, at) => isYoung(make(at))).filter(Boolean).length)
`

t.test('what a request is made of begins in the young generation, whatever lived long before', async t => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', PROGRAM])
  t.equal(stdout, '100\n')
})
