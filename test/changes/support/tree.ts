import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { ROOT } from '../../support/packages.ts'

/** The project's own scope, whose links have to lead into the copy. */
const SCOPE = '@sallyport'

/** The files of a tree that git would commit, as they are now. */
function filesOf(root: string): string[] {
  return execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8'
  })
    .split('\0')
    .filter(file => file !== '')
}

/**
 * A copy of the repository in a folder of its own, outside it: the files as they are now, and the installed packages
 * by links.
 */
export function copyTree(): string {
  const tree = mkdtempSync(join(tmpdir(), 'sallyport-changes-'))
  // The database runs as another user when this one is root.
  chmodSync(tree, 0o755)
  execFileSync('git', ['init', '--quiet'], { cwd: tree })
  for (const file of filesOf(ROOT)) {
    mkdirSync(dirname(join(tree, file)), { recursive: true })
    copyFileSync(join(ROOT, file), join(tree, file))
  }
  linkPackages(tree)
  return tree
}

function linkPackages(tree: string): void {
  const [from, to] = [join(ROOT, 'node_modules'), join(tree, 'node_modules')]
  mkdirSync(join(to, SCOPE), { recursive: true })
  for (const name of readdirSync(from)) if (name !== SCOPE) symlinkSync(join(from, name), join(to, name))
  linkOwnPackages(tree)
}

/** Links the workspaces of the copy, also those that a change has added. */
export function linkOwnPackages(tree: string): void {
  const scope = join(tree, 'node_modules', SCOPE)
  const linked = new Set(readdirSync(scope))
  for (const file of filesOf(tree)) {
    if (!/^[^/]+(?:\/[^/]+)?\/package\.json$/.test(file)) continue
    const { name } = JSON.parse(readFileSync(join(tree, file), 'utf8')) as { name: string }
    const [given, short] = name.split('/')
    if (given !== SCOPE || short === undefined || linked.has(short)) continue
    symlinkSync(join(tree, dirname(file)), join(scope, short))
  }
}

/** What is in each file of a tree, by hash. */
export function snapshot(tree: string): ReadonlyMap<string, string> {
  return new Map(
    filesOf(tree).map(file => [
      file,
      createHash('sha256')
        .update(readFileSync(join(tree, file)))
        .digest('hex')
    ])
  )
}

/** The files of a tree that are not as they were, or were not there. */
export function changedSince(tree: string, before: ReadonlyMap<string, string>): string[] {
  return [...snapshot(tree)].flatMap(([file, hash]) => (before.get(file) === hash ? [] : [file])).sort()
}
