// The Install block of each package's README packs and installs the package with everything of ours that it needs.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT, workspaces } from '../support/packages.ts'

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

const folders = new Map(workspaces().map(({ name, folder }) => [name, folder]))
const plugins = workspaces().filter(({ folder }) => folder.startsWith('plugins/'))

function read(folder: string, file: string): string {
  return readFileSync(join(ROOT, folder, file), 'utf8')
}

/** The package and what it needs of ours, directly or not. */
function ownPackages(name: string, found = new Set<string>()): ReadonlySet<string> {
  const folder = folders.get(name)
  if (folder === undefined || found.has(name)) return found
  found.add(name)
  const { dependencies, peerDependencies } = JSON.parse(read(folder, 'package.json')) as Manifest
  for (const needed of Object.keys({ ...dependencies, ...peerDependencies })) ownPackages(needed, found)
  return found
}

for (const { name, folder } of plugins) {
  t.test(`the README of ${name} packs and installs all that it needs of ours`, async t => {
    const [, section = ''] = /^## Install\n([\s\S]*?)^## /m.exec(read(folder, 'README.md')) ?? []
    const packed = [...section.matchAll(/--workspace (\S+)/g)].map(([, path]) => path)
    const installed = [...section.matchAll(/\.\/(\S+)-0\.1\.0\.tgz/g)].map(([, file]) => file)
    const needed = [...ownPackages(name)]
    t.same(packed.toSorted(), needed.map(own => folders.get(own)).toSorted())
    t.same(installed.toSorted(), needed.map(own => own.slice(1).replace('/', '-')).toSorted())
  })
}
