// Says which blocks of the sources stand in two places, and ends with 1 when one does. `-- 50` looks for shorter ones.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { duplicatedBlocks } from './duplicates.ts'
import { ROOT, workspaces } from './packages.ts'

/** About ten lines: shorter runs are how the language and Fastify are written. */
const MIN_TOKENS = 70

const sources = workspaces().flatMap(({ folder }) =>
  globSync('src/**/*.ts', { cwd: join(ROOT, folder) }).map(name => {
    const file = join(folder, name)
    return { file, text: readFileSync(join(ROOT, file), 'utf8') }
  })
)
const duplicates = duplicatedBlocks(sources, Number(process.argv[2] ?? MIN_TOKENS))
for (const { tokens, first, second } of duplicates) {
  console.error(`${first.file}:${first.line} and ${second.file}:${second.line} share ${tokens} tokens`)
}
console.log(`duplicates: ${duplicates.length} in ${sources.length} files`)
process.exitCode = duplicates.length === 0 && sources.length > 0 ? 0 : 1
