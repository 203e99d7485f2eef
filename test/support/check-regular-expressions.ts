// No regular expression of the sources can be made slow by the text that it reads.
import { readSources } from './packages.ts'
import { expressionsIn, findSlow } from './regular-expressions.ts'

const expressions = [...readSources()].flatMap(([file, text]) => expressionsIn(file, text))
const findings = findSlow(expressions)
for (const { place, expression, why } of findings) console.error(`${place}: ${expression}: ${why}`)
console.log(
  `regular expressions: ${findings.length === 0 ? `none of ${expressions.length} can be made slow` : `${findings.length} of ${expressions.length} fail`}`
)
process.exitCode = findings.length === 0 ? 0 : 1
