// No regular expression of the sources can be made slow by the text that it reads.
import { readSchemas, readSources } from './packages.ts'
import { expressionsIn, expressionsInSchema, findSlow } from './regular-expressions.ts'

/** Files that compile the patterns of a JSON Schema of the sources, which are checked where they stand. */
const COMPILE_SCHEMAS = new Set(['plugins/forwarding/src/document/check-document.ts'])

const expressions = [
  ...[...readSources()].flatMap(([file, text]) =>
    expressionsIn(file, text).filter(({ source }) => source !== null || !COMPILE_SCHEMAS.has(file))
  ),
  ...[...readSchemas()].flatMap(([file, schema]) => expressionsInSchema(file, schema))
]
const findings = findSlow(expressions)
for (const { place, expression, why } of findings) console.error(`${place}: ${expression}: ${why}`)
console.log(
  `regular expressions: ${findings.length === 0 ? `none of ${expressions.length} can be made slow` : `${findings.length} of ${expressions.length} fail`}`
)
process.exitCode = findings.length === 0 ? 0 : 1
