import { execFileSync } from 'node:child_process'
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** One change of the tree, as CONTRIBUTING.md describes it. */
export interface Change {
  /** As in the heading of its section in CONTRIBUTING.md, in lower case. */
  readonly title: string
  /** A program that makes new files, and its arguments; it runs in the tree before the edits. */
  readonly generate?: readonly [file: string, ...args: string[]]
  /** Existing files and what becomes of their text. */
  readonly edits: Readonly<Record<string, (text: string) => string>>
  /** Test files to run afterwards: those of the change, and neighbours that it could break. */
  readonly tests: readonly string[]
  /** A folder of generated code, which has to be as the linters want it. */
  readonly made?: string
  /** What the new tests have to notice. */
  readonly breakages?: readonly Breakage[]
}

/** A mistake in new code, and the test that fails because of it. */
export interface Breakage {
  readonly what: string
  readonly file: string
  readonly edit: (text: string) => string
  readonly test: string
}

const NEW_FILES = join(import.meta.dirname, 'files')

/**
 * Makes a change in a tree. Its new files are those below `files/<name>`, where `NNN` is the number of the next
 * migration.
 * @param name of the change, and of its folder of new files
 * @throws when an edit finds its place no more
 */
export function makeChange(tree: string, name: string, { generate, edits }: Change): void {
  if (generate !== undefined) {
    execFileSync(process.execPath, generate, { cwd: tree, stdio: ['ignore', 'ignore', 'inherit'] })
  }
  const number = nextMigration(tree)
  const folder = join(NEW_FILES, name)
  for (const file of globSync('**/*.txt', { cwd: folder })) {
    const path = join(tree, file.replace(/\.txt$/, '').replace('NNN', number))
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, readFileSync(join(folder, file), 'utf8').replaceAll('NNN', number))
  }
  for (const [file, edit] of Object.entries(edits)) {
    const path = join(tree, file)
    const before = readFileSync(path, 'utf8')
    const after = edit(before).replaceAll('NNN', number)
    if (after === before) throw new Error(`nothing changes in ${file}`)
    writeFileSync(path, after)
  }
}

/** A text with more behind the one place that says `anchor`. */
export const after = (anchor: string, more: string) => insertAt(anchor, found => found + more)

/** A text with more before the one place that says `anchor`. */
export const before = (anchor: string, more: string) => insertAt(anchor, found => more + found)

/** A text in which the one place that says `anchor` says something else. */
export const instead = (anchor: string, other: string) => insertAt(anchor, () => other)

/** Several edits of one text. */
export const all =
  (...edits: Array<(text: string) => string>) =>
  (text: string): string =>
    edits.reduce((edited, edit) => edit(edited), text)

function insertAt(anchor: string, change: (found: string) => string): (text: string) => string {
  return text => {
    const parts = text.split(anchor)
    if (parts.length !== 2) throw new Error(`${JSON.stringify(anchor)} is there ${parts.length - 1} times`)
    return parts.join(change(anchor))
  }
}

function nextMigration(tree: string): string {
  const numbers = globSync('[0-9]*.ts', { cwd: join(tree, 'auth-server/src/store/migrations') }).map(Number.parseFloat)
  return String(Math.max(...numbers) + 1).padStart(3, '0')
}
