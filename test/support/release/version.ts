// `npm run release:version`: makes versions and changelogs of the changesets, for every package.json and the lock file.
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { readJson, ROOT, workspaces, type Manifest } from '../packages.ts'

function run(file: string, given: readonly string[]): void {
  execFileSync(file, given, { cwd: ROOT, stdio: 'inherit' })
}

run('changeset', ['version'])
// What is never published has no readers of its changelog.
for (const { folder, published } of workspaces()) {
  if (!published) rmSync(join(ROOT, folder, 'CHANGELOG.md'), { force: true })
}
const { version } = readJson('plugins/security-context/package.json') as Manifest
run('npm', ['pkg', 'set', `version=${version}`])
run('npm', ['install', '--package-lock-only'])
