// No regular expression of the sources can be made slow by the text that it reads.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, workspaces } from './packages.ts'
import { expressionsIn, findSlow } from './regular-expressions.ts'

const files = workspaces().flatMap(({ folder }) =>
  readdirSync(join(ROOT, folder, 'src'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts'))
    .map(name => join(folder, 'src', name))
)
process.chdir(ROOT)
const expressions = files.flatMap(file => expressionsIn(file))
const findings = findSlow(expressions)
for (const { place, expression, why } of findings) console.error(`${place}: ${expression}: ${why}`)
console.log(
  `regular expressions: ${findings.length === 0 ? `none of ${expressions.length} can be made slow` : `${findings.length} of ${expressions.length} fail`}`
)
process.exitCode = findings.length === 0 ? 0 : 1
