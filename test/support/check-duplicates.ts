// Says which blocks of the sources stand in two places, and ends with 1 when one does. `-- 50` looks for shorter ones.
import { duplicatedBlocks } from './duplicates.ts'
import { readSources } from './packages.ts'

/** About ten lines: shorter runs are how the language and Fastify are written. */
const MIN_TOKENS = 65

const sources = readSources()
const duplicates = duplicatedBlocks(sources, Number(process.argv[2] ?? MIN_TOKENS))
for (const { tokens, first, second } of duplicates) {
  console.error(`${first.file}:${first.line} and ${second.file}:${second.line} share ${tokens} tokens`)
}
console.log(`duplicates: ${duplicates.length} in ${sources.size} files`)
process.exitCode = duplicates.length === 0 && sources.size > 0 ? 0 : 1
