// The Install section of each package's README says the same everywhere, and packs and installs all that is needed.
import { readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import t from 'tap'
import ts from 'typescript'
import { readJson, ROOT, workspaces, type Manifest } from '../support/packages.ts'
import { installSteps, readmePrograms } from '../support/readme-blocks.ts'

const NOT_PUBLISHED =
  'The packages are not on npm yet: build and pack them in a clone of this repository, and install the files in your service.'

const folders = new Map(workspaces().map(({ name, folder }) => [name, folder]))
const read = (page: string): string => readFileSync(join(ROOT, page), 'utf8')
const manifestOf = (folder: string): Manifest => readJson(join(folder, 'package.json')) as Manifest

/** The package and what it needs of ours, directly or not. */
function ownPackages(name: string, found = new Set<string>()): ReadonlySet<string> {
  const folder = folders.get(name)
  if (folder === undefined || found.has(name)) return found
  found.add(name)
  const { dependencies, peerDependencies } = manifestOf(folder)
  for (const needed of Object.keys({ ...dependencies, ...peerDependencies })) ownPackages(needed, found)
  return found
}

for (const { name, folder, published } of workspaces()) {
  if (!published) continue
  t.test(`the README of ${name} packs and installs all that it needs of ours`, async t => {
    const markdown = read(join(folder, 'README.md'))
    const { sentence, commands, packed, beside } = installSteps(markdown)
    t.equal(sentence, NOT_PUBLISHED)
    t.equal(commands[0], 'npm ci && npm run build && mkdir -p /tmp/sallyport')
    t.ok(commands[1]?.startsWith('npm pack --pack-destination /tmp/sallyport --workspace '))
    t.equal(commands[2], `cd ~/my-service && npm install /tmp/sallyport/*.tgz ${beside.join(' ')}`)
    t.equal(commands.length, 3)
    t.same(packed.toSorted(), [...ownPackages(name)].map(own => folders.get(own)).toSorted())
    const imported = readmePrograms(markdown).flatMap(program =>
      ts.preProcessFile(program).importedFiles.map(({ fileName }) => fileName)
    )
    const { peerDependencies = {}, peerDependenciesMeta = {} } = manifestOf(folder)
    const peers = Object.keys(peerDependencies).filter(peer => peerDependenciesMeta[peer]?.optional !== true)
    const needed = [...imported, ...peers]
    for (const other of needed.filter(other => !isBuiltin(other) && !other.startsWith('@sallyport/'))) {
      t.ok(beside.includes(other), `${other} is installed too`)
    }
  })
}

t.test('no page tells anybody to install a name of ours from npm', async t => {
  const pages = ['README.md', 'CONTRIBUTING.md', ...workspaces().map(({ folder }) => join(folder, 'README.md'))]
  for (const page of pages) {
    const markdown = read(page)
    t.notMatch(markdown, /npm (?:install|i|add) [^\n]*@sallyport\//, page)
    if (/\.tgz/.test(markdown)) t.match(markdown.replaceAll(/\s+/g, ' '), NOT_PUBLISHED, page)
  }
})
