// npm run changes [-- [--together] [<name> …]]: makes the changes that CONTRIBUTING.md describes in a copy of the tree,
// each in a copy of its own or all in one, and runs the type check and the tests concerned. Exit code 1 when one does
// not work, or touches other files than the page says.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CHANGES } from './support/all-changes.ts'
import { makeChange, type Breakage, type Change } from './support/change.ts'
import { describedFiles, differences } from './support/described-files.ts'
import { changedSince, copyTree, linkOwnPackages, snapshot } from './support/tree.ts'

const given = process.argv.slice(2)
const together = given.includes('--together')
const names = given.filter(argument => argument !== '--together')
const unknown = names.filter(name => !Object.hasOwn(CHANGES, name))
if (unknown.length > 0) {
  console.error(`usage: npm run changes [-- [--together] ${Object.keys(CHANGES).join(' | ')}]`)
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

async function lintProblems(tree: string, folder: string): Promise<string[]> {
  const failures = [
    await failureOf(tree, 'eslint', [folder]),
    await failureOf(tree, 'prettier', ['--check', '--log-level', 'warn', `${folder}/**/*.{ts,mjs}`])
  ]
  return failures.filter(failure => failure !== null)
}

/** Makes a mistake, and says when the test does not fail because of it. */
async function unnoticed(tree: string, { what, file, edit, test }: Breakage): Promise<string[]> {
  const path = join(tree, file)
  const right = readFileSync(path, 'utf8')
  writeFileSync(path, edit(right))
  const failure = await failureOf(tree, 'tap', ['run', test])
  writeFileSync(path, right)
  if (failure !== null && /^ *not ok /m.test(failure)) return []
  return [failure ?? `${test} does not notice ${what}`]
}

/** What is wrong with changes that are made one after the other in one copy, as one text each. */
async function problemsOf(changes: ReadonlyArray<readonly [name: string, change: Change]>): Promise<string[]> {
  const tree = copyTree()
  try {
    const problems = changes.flatMap(([name, change]) => {
      const before = snapshot(tree)
      makeChange(tree, name, change)
      const changed = changedSince(tree, before)
      console.log(`${change.title}\n${changed.map(file => `  ${file}`).join('\n')}`)
      return differences(changed, describedFiles(change.title)).map(difference => `${change.title}: ${difference}`)
    })
    linkOwnPackages(tree)
    const typeMistakes = await failureOf(tree, 'tsc', ['--noEmit', '-p', 'tsconfig.json'])
    if (typeMistakes !== null) return [...problems, typeMistakes]
    const tests = new Set(changes.flatMap(([, { tests }]) => tests))
    const failedTests = await failureOf(tree, 'tap', ['run', ...tests])
    if (failedTests !== null) return [...problems, failedTests]
    for (const [, { made, breakages = [] }] of changes) {
      if (made !== undefined) problems.push(...(await lintProblems(tree, made)))
      for (const breakage of breakages) problems.push(...(await unnoticed(tree, breakage)))
    }
    return problems
  } finally {
    rmSync(tree, { recursive: true, force: true })
  }
}

const wanted = Object.entries(CHANGES).filter(([name]) => names.length === 0 || names.includes(name))
for (const changes of together ? [wanted] : wanted.map(change => [change])) {
  const startedAt = performance.now()
  const problems = await problemsOf(changes)
  const seconds = Math.round((performance.now() - startedAt) / 1000)
  console.log(problems.length === 0 ? `  works (${seconds} s)` : `  DOES NOT WORK\n${problems.join('\n')}`)
  if (problems.length > 0) process.exitCode = 1
}
