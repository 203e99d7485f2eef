// npm run changes [-- <name> …]: makes the changes that CONTRIBUTING.md describes in a copy of the tree, each by itself,
// and runs the type check and the tests concerned. Exit code 1 when one does not work, or touches other files than the
// page says.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { CHANGES } from './all-changes.ts'
import { makeChange, type Change } from './change.ts'
import { describedFiles, differences } from './described-files.ts'
import { changedFiles, copyTree, linkOwnPackages } from './tree.ts'

const names = process.argv.slice(2)
const unknown = names.filter(name => !Object.hasOwn(CHANGES, name))
if (unknown.length > 0) {
  console.error(`usage: npm run changes [-- ${Object.keys(CHANGES).join(' | ')}]`)
  process.exit(1)
}

/** The output of a program, or `null` when it succeeds. */
async function failureOf(tree: string, program: string, args: readonly string[]): Promise<string | null> {
  const child = spawn(join(tree, 'node_modules/.bin', program), args, { cwd: tree, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (output += part.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return code === 0 ? null : output
}

/** What is wrong with a change, as one text each. */
async function problemsOf(name: string, change: Change): Promise<string[]> {
  const tree = copyTree()
  try {
    makeChange(tree, name, change)
    linkOwnPackages(tree)
    const changed = changedFiles(tree)
    console.log(`${change.title}\n${changed.map(file => `  ${file}`).join('\n')}`)
    const typeMistakes = await failureOf(tree, 'tsc', ['--noEmit', '-p', 'tsconfig.json'])
    const failedTests = typeMistakes === null ? await failureOf(tree, 'tap', ['run', ...change.tests]) : null
    return [
      ...differences(changed, describedFiles(change.title)),
      ...[typeMistakes, failedTests].filter(problem => problem !== null)
    ]
  } finally {
    rmSync(tree, { recursive: true, force: true })
  }
}

for (const [name, change] of Object.entries(CHANGES)) {
  if (names.length > 0 && !names.includes(name)) continue
  const startedAt = performance.now()
  const problems = await problemsOf(name, change)
  const seconds = Math.round((performance.now() - startedAt) / 1000)
  console.log(problems.length === 0 ? `  works (${seconds} s)` : `  DOES NOT WORK\n${problems.join('\n')}`)
  if (problems.length > 0) process.exitCode = 1
}
