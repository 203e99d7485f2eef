// Builds every package, checks what npm would publish (exports, types, files), installs each alone outside the
// repository and runs its README. `-- metrics health` checks these only, `--node PATH` runs the READMEs on another
// Node, `--old-node PATH` shows what the packages say on one that is too old.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { packPackages, tryPackage, type TrialPlace } from './installed-package.ts'
import { ROOT, workspaces, type Workspace } from './packages.ts'

const { values, positionals } = parseArgs({
  options: { node: { type: 'string' }, 'old-node': { type: 'string' } },
  allowPositionals: true
})
const binary = (name: string): string => join(ROOT, 'node_modules/.bin', name)

execFileSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: 'inherit' })
const published = workspaces().filter(({ published }) => published)
const chosen = published.filter(
  ({ folder }) => positionals.length === 0 || positionals.includes(folder.split('/')[1] ?? '')
)
const mistakes = [...(await formMistakes(chosen)), ...(await installMistakes(chosen))]
for (const mistake of mistakes) console.error(mistake)
console.log(
  mistakes.length === 0
    ? `packages: ${chosen.length} are well formed, install alone and run their READMEs`
    : `packages: ${mistakes.length} mistakes`
)
process.exitCode = mistakes.length === 0 && chosen.length > 0 ? 0 : 1

/** What publint and "are the types wrong" say. */
async function formMistakes(packages: readonly Workspace[]): Promise<string[]> {
  const found: string[] = []
  for (const { folder, name } of packages) {
    const { messages, pkg } = await publint({ pkgDir: join(ROOT, folder), strict: true, pack: 'npm' })
    for (const message of messages) found.push(`${name}: ${formatMessage(message, pkg)}`)
    try {
      execFileSync(binary('attw'), ['--pack', '.', '--profile', 'esm-only', '--format', 'ascii', '--no-emoji'], {
        cwd: join(ROOT, folder),
        stdio: 'pipe'
      })
    } catch (error) {
      found.push(`${name}: ${(error as { stdout: Buffer }).stdout.toString()}`)
    }
  }
  return found
}

/** What goes wrong for somebody who installs the files. */
async function installMistakes(packages: readonly Workspace[]): Promise<string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-packages-'))
  const place: TrialPlace = {
    packs: join(directory, 'packs'),
    services: join(directory, 'services'),
    node: values.node ?? process.execPath,
    oldNode: values['old-node'] ?? null
  }
  try {
    await packPackages(published, place.packs)
    const found: string[] = []
    for (const each of packages) {
      await tryPackage(each, place).catch((error: unknown) => found.push(`${each.name}: ${(error as Error).message}`))
    }
    return found
  } finally {
    rmSync(directory, { recursive: true })
  }
}
